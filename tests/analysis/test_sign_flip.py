"""The sign-flip p is exact: every pattern counted, one by one."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clipbench.analysis.sign_flip import MOST_PAIRS, sign_flip_p, smallest_p

counts = st.lists(st.integers(-6, 6), min_size=1, max_size=10)


def _by_counting(counts):
    """Count in integers, where a tie is a tie."""
    patterns = list(itertools.product((1, -1), repeat=len(counts)))
    sums = [abs(sum(s * c for s, c in zip(p, counts, strict=True))) for p in patterns]
    return float(Fraction(sum(s >= abs(sum(counts)) for s in sums), len(patterns)))


@given(counts)
def test_every_pattern_is_counted(counts):
    # Divided by 360 the sums differ by rounding where the integers tie.
    assert sign_flip_p([count / 360 for count in counts]) == _by_counting(counts)


@given(counts)
def test_swapping_the_sides_changes_nothing(counts):
    assert sign_flip_p([-count / 7 for count in counts]) == sign_flip_p([c / 7 for c in counts])


@pytest.mark.parametrize("n", [1, 2, 5, 10, 20, MOST_PAIRS])
def test_the_floor_is_reached_by_differences_of_one_sign(n):
    assert sign_flip_p([0.1 + 0.01 * k for k in range(n)]) == smallest_p(n) == 2 / 2**n


def test_it_agrees_with_scipy():
    differences = [0.3, -0.1, 0.25, 0.4, -0.05, 0.2, 0.15]
    theirs = stats.permutation_test(
        (differences, [0.0] * 7),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        n_resamples=math.inf,
    )
    assert sign_flip_p(differences) == pytest.approx(theirs.pvalue)


def test_the_edges():
    assert math.isnan(sign_flip_p([]))
    assert math.isnan(smallest_p(0))
    assert sign_flip_p([0.5]) == 1.0
    assert sign_flip_p([0.0, 0.0, 0.0]) == 1.0
    assert sign_flip_p([0.2, -0.2]) == 1.0
    assert math.isnan(sign_flip_p([0.1, math.nan]))
    assert math.isnan(sign_flip_p([0.1] * (MOST_PAIRS + 1)))
