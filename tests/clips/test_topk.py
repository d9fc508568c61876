"""Top-k: an exact share of each sample."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.topk import TopK

X = torch.randn(5, 4, 3, 2, generator=torch.Generator().manual_seed(0))


def winners(row, k):
    kept = sorted(range(len(row)), key=lambda i: -row[i])[:k]
    return [x if i in kept else 0.0 for i, x in enumerate(row)]


def input_slope(clip, x, value, batch, at):
    row = batch[at[0]].flatten().tolist()
    k = max(1, round(clip.density * len(row)))
    return float(sorted(row)[-k] <= x)


@pytest.mark.parametrize(("density", "k"), [(0.01, 1), (0.2, 5), (0.23, 6), (0.8, 19), (1.0, 24)])
def test_each_sample_keeps_its_largest_over_channels_and_positions(density, k):
    y = TopK(density=density)(X)
    expected = [winners(row, k) for row in X.flatten(1).tolist()]
    assert y.flatten(1).tolist() == expected


def test_what_is_kept_gets_the_whole_gradient_and_the_rest_none():
    x = X.clone().requires_grad_()
    y = TopK(density=0.25)(x)
    y.sum().backward()
    assert torch.equal(x.grad, (y != 0).float())


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_among_equals_the_number_is_still_exact(value):
    y = TopK(density=0.25)(torch.full((3, 8), value))
    assert (y == value).sum(dim=1).tolist() == [2, 2, 2]


def test_it_keeps_the_largest_not_the_largest_in_size():
    x = torch.tensor([[-9.0, -1.0, 2.0, -3.0]])
    assert TopK(density=0.5)(x).tolist() == [[0, -1, 2, 0]]


def test_channels_last_gives_the_same():
    y = TopK()(X.contiguous(memory_format=torch.channels_last))
    assert torch.equal(y, TopK()(X))


@pytest.mark.parametrize("density", [0.0, -0.1, 1.1, math.nan])
def test_a_density_out_of_range_is_refused(density):
    with pytest.raises(ValueError, match="TopK needs 0 < density <= 1, got"):
        TopK(density=density)
