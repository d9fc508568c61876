"""Masks against slow definitions."""

from __future__ import annotations

import statistics

import torch

from clipbench.clips import masks

X = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0)) ** 3


def test_zero_is_neither_positive_nor_negative():
    x = torch.tensor([[-1.0, -0.0, 0.0, 1.0]])
    assert masks.positive(x).tolist() == [[False, False, False, True]]
    assert masks.negative(x).tolist() == [[True, False, False, False]]


def test_outliers_are_measured_within_their_own_sample():
    marked = masks.outlier(X, k=1.5)
    for sample, row in zip(X.flatten(1).tolist(), marked.flatten(1).tolist(), strict=True):
        mean, deviation = statistics.fmean(sample), statistics.pstdev(sample)
        assert row == [abs(value - mean) > 1.5 * deviation for value in sample]
    assert marked.any()
    assert not marked.all()


def test_an_outlier_does_not_depend_on_the_rest_of_the_batch():
    alone = torch.cat([masks.outlier(sample[None], k=1.0) for sample in X])
    assert torch.equal(masks.outlier(X, k=1.0), alone)


def test_a_constant_sample_has_no_outlier():
    assert not masks.outlier(torch.full((2, 5), 3.0), k=0.1).any()


def test_outliers_of_bfloat16_are_measured_in_float32():
    x = X.bfloat16()
    assert torch.equal(masks.outlier(x, k=1.5), masks.outlier(x.float(), k=1.5))


def test_chosen_channels_are_marked_whole():
    chosen = torch.tensor([True, False, True])
    marked = masks.in_channels(X, chosen)
    assert marked.shape == X.shape
    assert marked.all(dim=(0, 2, 3)).tolist() == [True, False, True]
    assert marked.any(dim=(0, 2, 3)).tolist() == [True, False, True]
    assert masks.in_channels(X[:, :, 0, 0], chosen).all(dim=0).tolist() == [True, False, True]
