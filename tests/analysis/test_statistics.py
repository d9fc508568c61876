"""Means, intervals, the paired t-test, P(A>B) and Holm: laws, edges, and scipy beside them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clipbench.analysis.statistics import estimate, holm, paired_p, superiority

values = st.lists(st.integers(-50, 50).map(lambda count: count / 360), min_size=3, max_size=12)
p_values = st.lists(st.floats(0, 1), max_size=8)


def test_five_differences_by_hand():
    # mean 3, sum of squares about it 10, so sd = sqrt(10/4); t(0.975, 4) = 2.776445
    found = estimate([1.0, 2.0, 3.0, 4.0, 5.0])
    reach = 2.776445 * math.sqrt(2.5) / math.sqrt(5)
    assert (found.n, found.mean) == (5, 3.0)
    assert found.sd == pytest.approx(math.sqrt(2.5), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((3 - reach, 3 + reach), rel=1e-6)


@given(values)
def test_interval_and_p_are_scipys(differences):
    found = estimate(differences, confidence=0.9)
    if found.sd == 0:
        return
    theirs = stats.ttest_1samp(differences, 0.0)
    interval = theirs.confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-12)
    assert paired_p(differences) == pytest.approx(theirs.pvalue, rel=1e-9)


@given(values)
def test_the_sides_can_be_swapped(differences):
    swapped = [-value for value in differences]
    ours, theirs = estimate(differences), estimate(swapped)
    nothing = ours.sd == 0
    assert theirs.mean == pytest.approx(-ours.mean, abs=1e-15)
    assert theirs.low == pytest.approx(-ours.high, nan_ok=nothing)
    assert paired_p(swapped) == pytest.approx(paired_p(differences), nan_ok=nothing)
    assert superiority(swapped) == pytest.approx(1 - superiority(differences))


@given(values)
def test_the_interval_leaves_out_zero_where_p_is_below_five_percent(differences):
    found, p = estimate(differences), paired_p(differences)
    if found.sd > 0 and abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == (found.low > 0 or found.high < 0)


def test_nothing_is_known_of_no_value_and_no_noise_of_one():
    assert estimate([]).n == 0
    assert math.isnan(estimate([]).mean)
    one = estimate([0.5])
    assert (one.n, one.mean) == (1, 0.5)
    assert all(math.isnan(number) for number in (one.sd, one.low, one.high))
    assert math.isnan(paired_p([]))
    assert math.isnan(paired_p([0.5]))
    assert math.isnan(superiority([]))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_leaves_no_number(bad):
    found = estimate([0.1, bad, 0.3])
    assert found.n == 3
    assert all(math.isnan(number) for number in (found.mean, found.sd, found.low, found.high))
    assert math.isnan(paired_p([0.1, bad, 0.3]))
    assert math.isnan(superiority([0.1, bad, 0.3]))


@pytest.mark.parametrize("equal", [[0.25, 0.25, 0.25], [0.9 - 0.8, 0.8 - 0.7, 0.7 - 0.6]])
def test_equal_differences_have_no_interval_and_no_p(equal):
    # Rounding alone would give the second a p below 1e-20.
    found = estimate(equal)
    assert found.sd == 0
    assert math.isnan(found.low)
    assert math.isnan(paired_p(equal))


def test_no_difference_at_all_speaks_for_no_difference():
    assert estimate([0.0, 0.0]).sd == 0
    assert paired_p([0.0, 0.0]) == 1.0


def test_p_does_not_overflow_far_out():
    assert 0 < paired_p([1.0, 1.0 + 1e-6, 1.0 - 1e-6]) < 1e-10


def test_ties_count_half():
    assert superiority([0.1, 0.2, 0.0, -0.3]) == 0.625


def _adjusted_by_intersections(p_values):
    """Closed testing: a hypothesis falls where every intersection with it falls by Bonferroni."""
    places = range(len(p_values))
    sets = [s for size in places for s in itertools.combinations(places, size + 1)]
    smallest = {s: min(1.0, len(s) * min(p_values[i] for i in s)) for s in sets}
    return [max(smallest[s] for s in sets if place in s) for place in places]


@given(p_values)
def test_holm_is_bonferroni_on_every_intersection(p_values):
    assert holm(p_values) == pytest.approx(_adjusted_by_intersections(p_values), abs=1e-12)


@given(p_values)
def test_holm_keeps_the_order_and_makes_nothing_smaller(p_values):
    corrected = holm(p_values)
    assert all(q >= p for p, q in zip(p_values, corrected, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(corrected)[order]) >= 0)


def test_holm_by_hand():
    # Holm's steps: 4 * 0.005, 3 * 0.01, 2 * 0.03, then no smaller than the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_a_comparison_without_p_stays_in_the_family():
    corrected = holm([0.01, math.nan, 0.04])
    assert math.isnan(corrected[1])
    assert [corrected[0], corrected[2]] == pytest.approx([0.03, 0.08])


def test_differences_that_cancel_but_for_rounding_have_the_mean_zero():
    values = [0.9 - 0.8, 0.8 - 0.9, 0.7 - 0.4, 0.1 - 0.4]
    assert math.fsum(values) != 0.0, "the case is one of rounding"
    assert estimate(values).mean == 0.0
    assert estimate([1e-12, 2e-12]).mean > 0, "small is not zero"
