"""The target on active elements against its formula in plain Python."""

import pytest
import torch

from clipbench.clips.sigmoid_gate import StraightThroughGate
from clipbench.regularizers.base import Activation
from clipbench.regularizers.l0_ste import L0StraightThrough

X = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
T = 0.3


def gate(width):
    """A threshold, and what is above it: with the gradient ``-1/width`` within half a width."""
    t = torch.tensor(T, dtype=torch.float64, requires_grad=True)
    inside = ((X - t).abs() < width / 2).to(X.dtype).detach()
    return t, (X - t > 0).to(X.dtype).detach() - inside * (t - t.detach()) / width


def plain_share():
    flat = X.flatten().tolist()
    return sum(x > T for x in flat) / len(flat)


def test_value_and_gradient_are_those_of_the_formula():
    width, target = 0.5, 0.15
    t, active = gate(width)
    sites = {"a": Activation(X, X, active), "b": Activation(X, X, torch.ones_like(X))}
    value = L0StraightThrough(target=target)(sites, {})
    value.backward()
    share = plain_share()
    by_hand = ((share / target - 1) ** 2 + (1 / target - 1) ** 2) / 2
    assert value.item() == pytest.approx(by_hand, rel=1e-12)
    near = sum(abs(x - T) < width / 2 for x in X.flatten().tolist()) / X.numel()
    slope = 2 * (share / target - 1) / (target * 2) * -near / width
    assert slope != 0
    assert t.grad.item() == pytest.approx(slope, rel=1e-12)


def test_it_is_zero_at_the_target_and_pulls_from_both_sides():
    share = plain_share()
    for target, sign in ((share / 2, -1), (share, 0), (min(2 * share, 1.0), 1)):
        t, active = gate(0.5)
        value = L0StraightThrough(target=target)({"a": Activation(X, X, active)}, {})
        value.backward()
        assert (value.item() < 1e-20) == (sign == 0)
        # Descent raises the threshold where too much is active.
        assert (t.grad > 1e-9).item() - (t.grad < -1e-9).item() == sign


def test_sites_that_cannot_tell_are_left_out():
    active = (X > T).to(X.dtype)
    regularizer = L0StraightThrough()
    alone = regularizer({"a": Activation(X, X, active)}, {})
    assert torch.equal(
        regularizer({"a": Activation(X, X, active), "b": Activation(X, X)}, {}), alone
    )


def test_the_gradient_reaches_the_threshold_of_a_real_gate_and_nothing_else():
    clip = StraightThroughGate()
    x = X.clone().requires_grad_()
    activation = Activation(x, clip(x), clip.active(x))
    L0StraightThrough(target=0.1)({"a": activation}, {}).backward()
    assert clip.lower.raw.grad.item() < 0
    assert x.grad is None or not x.grad.any()


@pytest.mark.parametrize("target", [0.0, -0.1, 1.01, float("nan")])
def test_a_target_out_of_range_is_refused(target):
    with pytest.raises(ValueError, match="L0StraightThrough needs 0 < target <= 1, got"):
        L0StraightThrough(target=target)
