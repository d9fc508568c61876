"""Interquartile mean, profile and bootstrap over data sets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clipbench.analysis.across_data import bootstrap, interquartile_mean, profile

STRATA = [np.array([0.90, 0.92, 0.94]), np.array([0.50, 0.60, 0.70, 0.80, 0.55])]
NOTHING = [[], [np.array([])], [np.array([0.5, math.nan])]]


def _mean_of_means(strata):
    return float(np.mean([scores.mean() for scores in strata]))


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=30))
def test_the_interquartile_mean_is_scipys_trimmed_mean(scores):
    halves = [np.array(scores[::2]), np.array(scores[1::2])]
    assert interquartile_mean(halves) == pytest.approx(stats.trim_mean(scores, 0.25), abs=1e-12)


def test_an_outlier_does_not_move_it():
    scores = np.arange(8.0)
    assert interquartile_mean([scores]) == interquartile_mean([np.append(scores[:7], 1e9)]) == 3.5


@pytest.mark.parametrize("strata", NOTHING)
def test_of_nothing_there_is_nothing(strata):
    assert math.isnan(interquartile_mean(strata))
    assert np.isnan(profile(strata, levels=np.array([0.1, 0.2]))).tolist() == [True, True]
    low, high = bootstrap(strata, statistic=interquartile_mean)
    assert np.isnan([low, high]).all()


def test_a_profile_counts_the_scores_above_each_level():
    levels = np.array([0.0, 0.55, 0.9, 0.94])
    # above 0.55: 3 of 3 and 3 of 5; above 0.9: 2 of 3 and none
    assert profile(STRATA, levels=levels).tolist() == pytest.approx([1, (1 + 3 / 5) / 2, 1 / 3, 0])


def test_the_bootstrap_is_repeatable_and_holds_the_statistic():
    first = bootstrap(STRATA, statistic=_mean_of_means, seed=3)
    assert first == bootstrap(STRATA, statistic=_mean_of_means, seed=3)
    assert first != bootstrap(STRATA, statistic=_mean_of_means, seed=4)
    assert first[0] < _mean_of_means(STRATA) < first[1]


def test_seeds_are_drawn_within_their_data_set():
    # Drawn across sets the means would vary; within sets of equal scores nothing does.
    constant = [np.full(3, 0.9), np.full(5, 0.1)]
    low, high = bootstrap(constant, statistic=_mean_of_means, repeats=50)
    assert low == high == pytest.approx(0.5)


def test_the_interval_is_that_of_scipy_for_one_set():
    scores = np.random.default_rng(1).normal(size=40)
    low, high = bootstrap([scores], statistic=_mean_of_means, repeats=4000)
    theirs = stats.bootstrap((scores,), np.mean, method="percentile", rng=2, n_resamples=4000)
    wanted = theirs.confidence_interval
    assert (low, high) == pytest.approx((wanted.low, wanted.high), abs=0.03)


def test_a_profile_has_a_band():
    levels = np.array([0.0, 0.6, 1.0])
    low, high = bootstrap(STRATA, statistic=lambda s: profile(s, levels=levels), repeats=200)
    middle = profile(STRATA, levels=levels)
    assert low.shape == high.shape == levels.shape
    assert np.all((low <= middle) & (middle <= high))
    assert low[1] < high[1]
