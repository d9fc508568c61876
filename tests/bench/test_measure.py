"""Spreads and ratios: paired by turn, never of medians."""

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.bench.measure import ratios, rows_of_times, spread

TIMES = st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=30)


@given(TIMES)
def test_quartiles_hold_the_median_and_lie_among_the_values(values):
    found = spread(values)
    assert found.median == median(values)
    assert min(values) <= found.low <= found.median <= found.high <= max(values)


@given(TIMES, st.floats(0.1, 10))
def test_what_takes_c_times_as_long_in_each_turn_has_the_ratio_c_without_spread(values, factor):
    found = ratios([factor * value for value in values], values).spread
    assert [found.low, found.median, found.high] == pytest.approx([factor] * 3)


def test_a_ratio_is_that_of_one_turn():
    # The machine was ten times slower in the second turn, for both.
    assert ratios([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]).values == (2.0, 2.0, 2.0)


def test_ratios_of_other_turns_are_refused():
    with pytest.raises(ValueError, match="shorter|longer"):
        ratios([1.0, 2.0], [1.0])


def test_rows_of_times_compare_with_the_reference():
    slow, fast = rows_of_times({"slow": [4.0, 8.0], "fast": [2.0, 2.0]}, reference="slow")
    assert fast.measures["to slow"].values == (0.5, 0.25)
    assert slow.measures["to slow"].values == (1.0, 1.0)
    assert slow.measures["best"].values == (4.0,)
