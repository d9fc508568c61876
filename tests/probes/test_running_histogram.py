"""A histogram by batches is the histogram of everything at once, on the edges it declares."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from clipbench.probes.running_histogram import RunningHistogram, records
from clipbench.records.histogram import BINS, Histogram


def _histogram(batches: list[Tensor]) -> Histogram:
    running = RunningHistogram(batches[0])
    for batch in batches:
        running.add(batch)
    return records({"a": running})["a"]


def _edges(histogram: Histogram) -> np.ndarray:
    return np.array([histogram["min"], *histogram["limits"]])


# Multiples of 1/8 in a range of 64 bins stand exactly on edges, in which both must agree.
@pytest.mark.parametrize("scale", [1.0, 0.125])
def test_counts_equal_numpy_on_the_declared_edges(scale: float) -> None:
    generator = torch.Generator().manual_seed(0)
    first = torch.randint(-256, 257, (500, 3), generator=generator) * scale
    first[0, 0], first[0, 1] = -256 * scale, 256 * scale
    rest = torch.randint(-900, 901, (400, 3), generator=generator) * scale
    histogram = _histogram([first, rest])
    values = torch.cat([first, rest]).numpy()
    counts, _ = np.histogram(values, bins=_edges(histogram))
    assert histogram["counts"] == counts.tolist()
    assert histogram["counts"][0] > 10 * histogram["counts"][1]
    # One equal bin in 64 of the first batch's range, inside the outer ones.
    assert np.diff(_edges(histogram))[1:-1] == pytest.approx(512 * scale / BINS)


def test_counts_equal_numpy_for_any_values() -> None:
    generator = torch.Generator().manual_seed(1)
    batches = [torch.randn(1000, 4, 5, 5, generator=generator) * k for k in (1, 3, 0.1)]
    histogram = _histogram(batches)
    counts, _ = np.histogram(torch.cat(batches).double().numpy(), bins=_edges(histogram))
    # A value within rounding of an edge may stand on its other side.
    assert np.abs(np.array(histogram["counts"]) - counts).sum() <= 4


def test_the_five_numbers_are_of_the_values_and_not_of_the_bins() -> None:
    generator = torch.Generator().manual_seed(2)
    batches = [torch.randn(200_000, 2, generator=generator) + 1000 for _ in range(3)]
    histogram = _histogram(batches)
    values = torch.cat(batches).double().numpy()
    assert histogram["min"] == values.min()
    assert histogram["max"] == values.max()
    assert histogram["num"] == values.size == sum(histogram["counts"])
    assert histogram["sum"] == pytest.approx(values.sum(), rel=1e-12)
    assert histogram["sum_squares"] == pytest.approx(np.square(values).sum(), rel=1e-12)


@settings(max_examples=100)
@given(
    st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1),
        min_size=1,
        max_size=4,
    )
)
def test_laws_for_all_finite_values(lists: list[list[float]]) -> None:
    batches = [torch.tensor(values, dtype=torch.float32) for values in lists]
    histogram = _histogram(batches)
    values = torch.cat(batches)
    assert sum(histogram["counts"]) == histogram["num"] == values.numel()
    assert (histogram["min"], histogram["max"]) == (values.min().item(), values.max().item())
    edges = _edges(histogram)
    assert np.all(np.diff(edges) >= 0)
    assert edges[-1] >= histogram["max"]
    assert np.all(np.isfinite(edges))


@pytest.mark.parametrize("value", [0.0, 1e-45, 5.0, -3e38])
def test_a_constant_falls_into_one_bin(value: float) -> None:
    histogram = _histogram([torch.full((9,), value)] * 2)
    assert histogram["counts"] == [18] + [0] * (BINS - 1)
    assert np.all(np.diff(histogram["limits"]) > 0)


def test_what_lies_far_outside_the_first_batch_falls_into_the_outer_bins() -> None:
    histogram = _histogram([torch.tensor([0.0, 1.0]), torch.tensor([1e30, 3e38, -1e30])])
    assert histogram["counts"] == [2] + [0] * (BINS - 2) + [3]
    assert (histogram["limits"][0], histogram["limits"][-1]) == (
        1 / BINS,
        pytest.approx(3e38),
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("first", [True, False])
def test_values_that_are_not_finite_leave_no_histogram(bad: float, first: bool) -> None:
    good = RunningHistogram(torch.ones(3))
    good.add(torch.ones(3))
    batches = [torch.tensor([1.0, bad]), torch.tensor([1.0, 2.0])]
    spoilt = RunningHistogram(batches[0 if first else 1])
    for batch in batches:
        spoilt.add(batch)
    assert records({"good": good, "spoilt": spoilt}).keys() == {"good"}


def test_no_histogram_gives_no_record() -> None:
    assert records({}) == {}
