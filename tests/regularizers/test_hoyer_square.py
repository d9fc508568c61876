"""Hoyer-square against its formula in plain Python."""

import pytest
import torch

from clipbench.regularizers.base import Activation
from clipbench.regularizers.hoyer_square import HoyerSquare

Y = [[1.0, -2.0, 0.0, 0.3], [0.5, 0.0, -0.25, 4.0]]


def site(values, dtype=torch.float64):
    y = torch.tensor(values, dtype=dtype, requires_grad=True)
    return y, {"a": Activation(y, y)}


def by_hand(values):
    """The penalty and its gradient, from the two sums over the whole batch."""
    flat = [v for row in values for v in row]
    size, squares, batch = sum(map(abs, flat)), sum(v * v for v in flat), len(values)

    def slope(v):
        sign = (v > 0) - (v < 0)
        return 2 * sign * size * (squares - abs(v) * size) / (batch * squares**2)

    return size**2 / squares / batch, [[slope(v) for v in row] for row in values]


def test_value_and_gradient_are_those_of_the_formula():
    y, activations = site(Y)
    value = HoyerSquare()(activations, {})
    value.backward()
    expected, slopes = by_hand(Y)
    assert value.item() == pytest.approx(expected, rel=1e-12)
    for found, row in zip(y.grad.tolist(), slopes, strict=True):
        assert found == pytest.approx(row, rel=1e-12, abs=1e-15)


def test_small_outputs_shrink_and_large_ones_grow():
    y, activations = site(Y)
    HoyerSquare()(activations, {}).backward()
    assert y.grad[0, 3] > 0
    assert y.grad[1, 3] < 0


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e3, 1e30])
def test_it_does_not_change_with_scale_even_where_squares_leave_the_range(scale):
    y, activations = site([[v * scale for v in row] for row in Y], torch.float32)
    value = HoyerSquare()(activations, {})
    value.backward()
    expected, slopes = by_hand(Y)
    assert value.item() == pytest.approx(expected, rel=1e-5)
    for found, row in zip(y.grad.tolist(), slopes, strict=True):
        assert found == pytest.approx([slope / scale for slope in row], rel=1e-4)


@pytest.mark.parametrize(("active", "value"), [(1, 1.0), (5, 5.0)])
def test_for_one_sample_it_counts_equal_outputs(active, value):
    _, activations = site([[0.7] * active + [0.0] * (8 - active)])
    assert HoyerSquare()(activations, {}).item() == pytest.approx(value)


def test_a_dead_site_counts_as_zero_with_a_zero_gradient():
    y, activations = site([[0.0, -0.0, 0.0]])
    value = HoyerSquare()(activations, {})
    value.backward()
    assert value.item() == 0
    assert y.grad.tolist() == [[0.0, 0.0, 0.0]]
