"""Both optimizers against their update rule written out, and under `found_inf`."""

import copy
import math
from functools import partial

import pytest
import torch
from torch import nn

from clipbench.optim.adamw import adamw
from clipbench.optim.sgd import sgd

STEPS = 20
EVERY = {
    "sgd": partial(sgd, lr=0.1, weight_decay=0.3),
    "sgd without nesterov": partial(sgd, lr=0.1, weight_decay=0.3, nesterov=False),
    "sgd without momentum": partial(sgd, lr=0.1, weight_decay=0.3, momentum=0.0, nesterov=False),
    "adamw": partial(adamw, lr=0.1, weight_decay=0.3),
}


def parameters(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shapes = [(5, 3), (5,), (), (4, 1, 1)]
    return [nn.Parameter(torch.randn(s, generator=generator, dtype=dtype)) for s in shapes]


def groups_of(params):
    weight, bias, threshold, decaying = params
    return [
        {"params": [weight], "role": "weights", "decay": "weights"},
        {"params": [bias], "role": "biases", "decay": "none"},
        {"params": [threshold], "role": "thresholds", "decay": "none"},
        {"params": [decaying], "role": "thresholds", "decay": "weights"},
    ]


def gradients(params):
    generator = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        yield [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in params]


def run(optimizer, params):
    for grads in gradients(params):
        for parameter, grad in zip(params, grads, strict=True):
            parameter.grad = grad
        optimizer.step()
    return [p.detach() for p in params]


def by_hand(update, params, *, rates, decays):
    values = [p.detach().clone() for p in params]
    memory = [{} for _ in values]
    for step, grads in enumerate(gradients(params), start=1):
        values = [
            update(w, g, state, step, rate, decay)
            for w, g, state, rate, decay in zip(values, grads, memory, rates, decays, strict=True)
        ]
    return values


def sgd_update(w, g, state, step, rate, decay, *, momentum, nesterov):
    d = g + decay * w
    state["v"] = momentum * state.get("v", 0) + d
    return w - rate * (d + momentum * state["v"] if nesterov else state["v"])


def adamw_update(w, g, state, step, rate, decay):
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    state["v"] = 0.999 * state.get("v", 0) + 0.001 * g**2
    mean, square = state["m"] / (1 - 0.9**step), state["v"] / (1 - 0.999**step)
    return w - rate * decay * w - rate * mean / (square**0.5 + 1e-8)


def assert_all_close(got, expected):
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.9, True), (0.9, False), (0.0, False)])
def test_sgd_is_its_formula(momentum, nesterov):
    params = parameters()
    update = partial(sgd_update, momentum=momentum, nesterov=nesterov)
    expected = by_hand(update, params, rates=[0.05] * 2 + [0.1] * 2, decays=[0.3, 0, 0, 0.3])
    optimizer = sgd(
        groups_of(params),
        lr=0.05,
        momentum=momentum,
        nesterov=nesterov,
        weight_decay=0.3,
        threshold_lr_scale=2.0,
    )
    assert_all_close(run(optimizer, params), expected)


def test_adamw_is_its_formula():
    params = parameters()
    expected = by_hand(
        adamw_update, params, rates=[0.05] * 2 + [0.1] * 2, decays=[0.3, 0, 0.2, 0.2]
    )
    optimizer = adamw(
        groups_of(params),
        lr=0.05,
        weight_decay=0.3,
        threshold_lr_scale=2.0,
        threshold_weight_decay=0.2,
    )
    assert_all_close(run(optimizer, params), expected)


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(ValueError, match="needs momentum > 0, got momentum=0.0"):
        sgd(groups_of(parameters()), momentum=0.0)


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY.keys())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("good_steps_before", [0, 3])
class TestFoundInf:
    """The loop blocks an update by this flag, on the device, without reading it."""

    @pytest.fixture(autouse=True)
    def _memory_holds_nan(self):
        # Memory that nobody has filled then holds nan, so that using it cannot pass by luck.
        torch.use_deterministic_algorithms(True)
        yield
        torch.use_deterministic_algorithms(False)

    def prepared(self, make, dtype, good_steps_before):
        params = parameters(dtype)
        optimizer = make(groups_of(params))
        for _ in range(good_steps_before):
            self.step(optimizer, params, 1.0, blocked=False)
        return params, optimizer

    def step(self, optimizer, params, grad, *, blocked):
        for parameter in params:
            parameter.grad = torch.full_like(parameter, grad)
        optimizer.grad_scale = None
        optimizer.found_inf = torch.tensor(float(blocked))
        optimizer.step()

    @pytest.mark.parametrize("grad", [math.nan, math.inf, 1.0])
    def test_a_blocked_step_changes_nothing(self, make, dtype, good_steps_before, grad):
        params, optimizer = self.prepared(make, dtype, good_steps_before)
        weights = [p.detach().clone() for p in params]
        state = copy.deepcopy(optimizer.state_dict()["state"])
        self.step(optimizer, params, grad, blocked=True)
        for parameter, weight in zip(params, weights, strict=True):
            assert torch.equal(parameter, weight)
        after = optimizer.state_dict()["state"]
        for index, entries in state.items():
            for name, value in entries.items():
                assert value is None or torch.equal(after[index][name], value)
        if good_steps_before == 0:
            made = [value for entries in after.values() for value in entries.values()]
            assert all(value is None or torch.count_nonzero(value) == 0 for value in made)

    def test_after_a_blocked_step_training_goes_on_as_if_it_had_not_been(
        self, make, dtype, good_steps_before
    ):
        results = []
        for blocked_steps in (0, 2):
            params, optimizer = self.prepared(make, dtype, good_steps_before)
            for _ in range(blocked_steps):
                self.step(optimizer, params, math.nan, blocked=True)
            for _ in range(3):
                self.step(optimizer, params, 0.5, blocked=False)
            results.append([p.detach() for p in params])
        assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY.keys())
class TestState:
    def test_a_saved_optimizer_goes_on_bit_for_bit(self, make):
        params = parameters()
        optimizer = make(groups_of(params))
        run(optimizer, params)
        copies = [nn.Parameter(p.detach().clone()) for p in params]
        restored = make(groups_of(copies))
        restored.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        for a, b in zip(run(optimizer, params), run(restored, copies), strict=True):
            assert torch.equal(a, b)

    def test_stacked_parameters_are_updated_each_on_its_own(self, make):
        params = parameters()
        scales = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
        stacked = [nn.Parameter(torch.stack([p.detach() * s for s in scales])) for p in params]
        together = run(make(groups_of(stacked)), stacked)
        for index in range(len(scales)):
            alone = [nn.Parameter(p.detach() * scales[index]) for p in params]
            optimizer = make(groups_of(alone))
            grads_of_stack = gradients(stacked)
            for grads in grads_of_stack:
                for parameter, grad in zip(alone, grads, strict=True):
                    parameter.grad = grad[index].clone()
                optimizer.step()
            assert_all_close([value[index] for value in together], [p.detach() for p in alone])

    def test_a_parameter_without_a_gradient_stays(self, make):
        params = parameters()
        optimizer = make(groups_of(params))
        before = params[3].detach().clone()
        params[0].grad = torch.ones_like(params[0])
        optimizer.step()
        assert torch.equal(params[3], before)
