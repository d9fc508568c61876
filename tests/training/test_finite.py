"""The finite check: no update is ever made from a loss or gradient that is not finite."""

import math

import pytest
import torch

from clipbench.records.journal import read
from clipbench.training.finite import (
    Diverged,
    NonFiniteStep,
    StopAtOnce,
    StopWhenRead,
    first_fault,
)
from clipbench.training.loss import PlainLoss
from tests.training.tiny import tiny_batches, tiny_data, tiny_model, tiny_run, tiny_state

BAD = [math.nan, math.inf, -math.inf]


def snapshot(state):
    weights = [p.detach().clone() for p in state.model.parameters()]
    moments = [
        value.clone()
        for slots in state.optimizer.state.values()
        for value in slots.values()
        if isinstance(value, torch.Tensor)
    ]
    return weights + moments


def one_step(state, batches, guard, *, index=0, poison=None):
    images, labels = batches.batch(0, index)
    state.optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(state.model(images), labels)
    loss.backward()
    if poison is not None:
        next(state.model.parameters()).grad.view(-1)[0] = poison
    guard.guard(state.optimizer, number=loss, step=index)
    state.optimizer.step()


@pytest.mark.parametrize("poison", BAD)
def test_on_a_cpu_it_stops_before_the_update(poison):
    data = tiny_data()
    batches, state = tiny_batches(data), tiny_state(tiny_model(data), total_steps=9)
    guard = StopAtOnce(list(state.model.parameters()))
    one_step(state, batches, guard)
    before = snapshot(state)
    with pytest.raises(NonFiniteStep) as stop:
        one_step(state, batches, guard, index=1, poison=poison)
    assert stop.value.step == 1
    assert all(torch.equal(a, b) for a, b in zip(before, snapshot(state), strict=True))


@pytest.mark.parametrize("poison", BAD)
def test_a_device_flag_turns_this_and_later_updates_into_no_ops(poison):
    data = tiny_data()
    batches, state = tiny_batches(data), tiny_state(tiny_model(data), total_steps=9)
    guard = StopWhenRead(list(state.model.parameters()))
    one_step(state, batches, guard)
    guard.poll()
    before = snapshot(state)
    one_step(state, batches, guard, index=1, poison=poison)
    one_step(state, batches, guard, index=2)
    assert all(torch.equal(a, b) for a, b in zip(before, snapshot(state), strict=True))
    with pytest.raises(NonFiniteStep) as stop:
        guard.poll()
    assert stop.value.step == 1


def test_both_guards_let_a_healthy_step_through_alike():
    data = tiny_data()
    ends = []
    for make in (StopAtOnce, StopWhenRead):
        state = tiny_state(tiny_model(data), total_steps=9)
        guard = make(list(state.model.parameters()))
        batches = tiny_batches(data)
        for index in range(3):
            one_step(state, batches, guard, index=index)
        ends.append(snapshot(state))
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def weights_with_gradients(*, with_gaps=False):
    """Weights in several layouts, the last without a gradient; some numbers are zero."""
    weights = [torch.nn.Parameter(torch.zeros(shape)) for shape in [(3, 4), (5,), (), (2, 3, 2, 2)]]
    weights[3].data = weights[3].data.to(memory_format=torch.channels_last)
    if with_gaps:
        weights[0] = torch.nn.Parameter(torch.zeros(3, 8)[:, ::2])
        weights.insert(0, torch.nn.Parameter(torch.zeros(4, 2).t()))
    for weight in weights[:-1]:
        weight.grad = torch.zeros_like(weight)
        if weight.dim() > 0:
            weight.data[..., ::2] = 1
    return weights


def stops(guard):
    try:
        guard.guard(torch.optim.SGD([torch.zeros(1)]), number=torch.tensor(1.0), step=7)
        guard.poll()
    except NonFiniteStep as stop:
        return stop.step == 7
    return False


@pytest.mark.parametrize("make", [StopAtOnce, StopWhenRead])
@pytest.mark.parametrize("poison", BAD)
@pytest.mark.parametrize("with_gaps", [False, True])
def test_one_number_anywhere_stops(make, poison, with_gaps):
    """In a weight or a gradient, also where the other is zero or missing, and after the start."""
    sizes = [weight.numel() for weight in weights_with_gradients(with_gaps=with_gaps)]
    for place, size in enumerate(sizes):
        for position in range(size):
            for of_gradient in (False, True):
                weights = weights_with_gradients(with_gaps=with_gaps)
                guard = make(weights)
                tensor = weights[place].grad if of_gradient else weights[place].data
                if tensor is not None:
                    at = torch.unravel_index(torch.tensor(position), tensor.shape)
                    tensor[tuple(at)] = poison
                    assert stops(guard)


@pytest.mark.parametrize("make", [StopAtOnce, StopWhenRead])
def test_large_numbers_do_not_stop_though_their_products_overflow(make):
    weights = weights_with_gradients()
    assert not stops(make(weights))
    weights[0].data.fill_(1e30)
    weights[0].grad.fill_(-1e30)
    weights[3].data.fill_(3e38)
    assert not stops(make(weights))


def faulty(kind):
    data = tiny_data()
    model = tiny_model(data)
    images, labels = tiny_batches(data).batch(0, 0)
    if kind == "image":
        images[0] = math.nan
    elif kind == "weight":
        model.fc2.linear.weight.data[0, 0] = math.inf
    elif kind == "output":
        model.fc1.linear.weight.data.fill_(3e38)
    elif kind == "gradient":
        model.fc2.linear.weight.register_hook(lambda g: g * math.nan)
    return first_fault(model, images, labels, losses=PlainLoss(), share=0.0)


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("image", "the batch of images"),
        ("weight", "parameter fc2.linear.weight"),
        ("output", "the output of fc1.linear"),
        ("gradient", "the gradient of fc2.linear.weight"),
    ],
)
def test_the_layer_at_fault_is_named(kind, named):
    assert faulty(kind) == named


@pytest.mark.parametrize("at", [0, 4, 11])
def test_a_run_ends_at_the_step_that_diverged(at, tmp_path):
    """At a first, a middle and a late step; logging happens every third."""
    data = tiny_data()
    model = tiny_model(data)
    steps = []

    def poison(gradient):
        steps.append(None)
        return gradient * math.nan if len(steps) == at + 1 else gradient

    hook = model.fc1.linear.weight.register_hook(poison)
    saved = []
    with pytest.raises(Diverged) as error:
        tiny_run(tmp_path, epochs=4, model=model, save=lambda state, **_: saved.append(state.step))
    hook.remove()
    assert error.value.step == at
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    records, damaged = read(tmp_path / "metrics.jsonl")
    assert not damaged
    assert max(record["step"] for record in records) <= at
    assert all(step <= at for step in saved)


@pytest.mark.parametrize("name", ["fc1.linear.weight", "fc1.clip.upper.raw"])
@pytest.mark.parametrize("at", [3, 4])
def test_an_infinite_weight_that_a_clip_hides_ends_the_run_at_once(name, at, tmp_path):
    """The clip's output and every gradient stay finite; logging happens every third step."""
    data = tiny_data()
    model = tiny_model(data)
    steps = []

    def poison():
        steps.append(None)
        if len(steps) == at:
            model.get_parameter(name).data.view(-1)[0] = math.inf
        return False

    with pytest.raises(Diverged, match=name) as error:
        tiny_run(tmp_path, epochs=4, model=model, should_stop=poison)
    assert error.value.step == at
