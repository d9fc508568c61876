"""What CReLU, CST and the soft thresholds share."""

from __future__ import annotations

import pytest
import torch

from clipbench.clips.shrink import excess, excess_slopes, shrink, shrink_slopes

X = 3 * torch.randn(500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
T, M = torch.tensor(0.75, dtype=torch.float64), torch.tensor(1.5, dtype=torch.float64)


@pytest.mark.parametrize("magnitude", [None, M])
def test_excess_equals_its_formula(magnitude):
    limit = float("inf") if magnitude is None else magnitude.item()
    expected = [min(max(x - T.item(), 0.0), limit) for x in X.tolist()]
    assert excess(X, T, magnitude).tolist() == expected


@pytest.mark.parametrize("magnitude", [None, M])
def test_shrink_is_odd_and_equals_excess_above_zero(magnitude):
    assert torch.equal(shrink(-X, T, magnitude), -shrink(X, T, magnitude))
    positive = X.abs()
    assert torch.equal(shrink(positive, T, magnitude), excess(positive, T, magnitude))


@pytest.mark.parametrize("function", [excess, shrink])
def test_a_magnitude_nobody_reaches_changes_nothing(function):
    far = torch.tensor(1e6, dtype=torch.float64)
    assert torch.equal(function(X, T, far), function(X, T))


@pytest.mark.parametrize("slopes", [excess_slopes, shrink_slopes])
def test_slopes_by_hand_at_and_around_both_ends(slopes):
    x = torch.tensor([0.5, 0.75, 1.0, 2.0, 2.25, 2.5], dtype=torch.float64)
    found = slopes(x, T, M)
    assert found["lower"].tolist() == [0, 0, -1, -1, 0, 0]
    assert found["magnitude"].tolist() == [0, 0, 0, 0, 1, 1]
    assert list(slopes(x, T)) == ["lower"]
    assert slopes(x, T)["lower"].tolist() == [0, 0, -1, -1, -1, -1]


def test_below_zero_the_slopes_of_shrink_change_sign():
    x = torch.tensor([-1.0, -2.5], dtype=torch.float64)
    found = shrink_slopes(x, T, M)
    assert found["lower"].tolist() == [1, 0]
    assert found["magnitude"].tolist() == [0, -1]


@pytest.mark.parametrize("function", [excess, shrink])
@pytest.mark.parametrize("magnitude", [None, M])
def test_nan_stays_nan(function, magnitude):
    assert function(torch.tensor([float("nan")]).double(), T, magnitude).isnan().all()
