"""What a group does to its parameters, against what torch's optimizers really do."""

import math

import pytest
import torch

from clipbench.audit.groups import decay_of, group_of, momentum_gain, rate_of, steps_by_rate

OPTIMIZERS = {
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
}


def made(name, *, lr=0.01, value=1.0, decay=0.0):
    kind, settings = OPTIMIZERS[name]
    parameter = torch.nn.Parameter(torch.tensor(value, dtype=torch.float64))
    return parameter, kind([parameter], lr=lr, weight_decay=decay, **settings)


def stepped(name, *, gradient, steps, **keys):
    parameter, optimizer = made(name, **keys)
    for _ in range(steps):
        parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()
    return parameter.item(), optimizer.param_groups[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_is_about_the_rate_or_scales_with_the_gradient(name):
    small, group = stepped(name, gradient=1e-3, steps=1)
    large, _ = stepped(name, gradient=1e3, steps=1)
    is_rate = all(math.isclose(1 - value, 0.01, rel_tol=1e-3) for value in (small, large))
    assert steps_by_rate(group) == is_rate


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
def test_a_lasting_push_moves_by_the_gain_of_the_momentum(name):
    before, _ = stepped(name, gradient=1.0, steps=300)
    after, group = stepped(name, gradient=1.0, steps=301)
    assert before - after == pytest.approx(0.01 * momentum_gain(group), rel=1e-6)


@pytest.mark.parametrize("name", ["adamw", "sgd", "momentum", "nesterov"])
def test_decay_is_the_share_that_a_step_takes_off(name):
    left, group = stepped(name, gradient=0.0, steps=500, decay=0.05)
    share = decay_of(group)
    assert share is not None
    # Momentum needs some steps to get going: hence five in a hundred.
    assert math.log(left) == pytest.approx(500 * math.log1p(-0.01 * share), rel=0.05)


def test_no_share_can_be_told_where_decay_passes_through_a_division():
    assert decay_of(made("adam", decay=0.1)[1].param_groups[0]) is None
    assert decay_of(made("adam")[1].param_groups[0]) == 0.0
    parameter = torch.nn.Parameter(torch.ones(()))
    squares = torch.optim.RMSprop([parameter], lr=0.1, weight_decay=0.1)
    assert decay_of(squares.param_groups[0]) is None


def test_the_rate_is_the_one_before_any_schedule():
    _, optimizer = made("sgd", lr=0.5)
    assert rate_of(optimizer.param_groups[0]) == 0.5
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0)
    assert optimizer.param_groups[0]["lr"] == 0.0
    assert rate_of(optimizer.param_groups[0]) == 0.5


def test_a_parameter_is_found_by_identity():
    parameter, optimizer = made("sgd")
    assert group_of(optimizer, parameter) is optimizer.param_groups[0]
    assert group_of(optimizer, parameter.detach().clone()) is None
