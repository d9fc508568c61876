"""Power of the paired t-test: against an integral, against simulated tests, and its inverses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from clipbench.analysis.power import MOST_SEEDS, detectable_difference, power, seeds_needed

NODES = np.polynomial.legendre.leggauss(400)


def _by_integral(n, effect, alpha):
    """Average the normal chance over the quantiles of the chi distribution of the deviation."""
    nodes, weights = NODES
    critical = stats.t.ppf(1 - alpha / 2, n - 1)
    spread = np.sqrt(2 * special.gammaincinv((n - 1) / 2, (nodes + 1) / 2) / (n - 1))
    return float(weights / 2 @ special.ndtr(math.sqrt(n) * effect - critical * spread))


@pytest.mark.parametrize("n", [2, 3, 5, 12, 24, 100])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 40])
def test_power_is_the_integral(n, alpha):
    for effect in (0.0, 0.1, 0.5, 1.0, 2.0, 8.0, 16.0):
        assert power(n, effect, alpha=alpha) == pytest.approx(
            _by_integral(n, effect, alpha), abs=1e-5
        )


def test_power_is_the_share_of_tests_that_find_it():
    samples = np.random.default_rng(0).normal(1.2, 1.0, size=(20_000, 6))
    found = stats.ttest_1samp(samples, 0.0, axis=1)
    share = np.mean((found.pvalue <= 0.05) & (found.statistic > 0))
    assert power(6, 1.2) == pytest.approx(share, abs=0.01)


def test_without_an_effect_half_the_level_remains():
    assert power(7, 0.0, alpha=0.05) == pytest.approx(0.025)


@pytest.mark.parametrize(("n", "effect"), [(3, 3.26), (5, 1.68), (8, 1.16), (10, 1.00), (20, 0.66)])
def test_detectable_effects_of_common_numbers_of_seeds(n, effect):
    assert detectable_difference(n, 1.0) == pytest.approx(effect, abs=0.005)


@pytest.mark.parametrize("n", [2, 5, 30])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_what_is_detectable_has_the_wanted_power_and_scales_with_the_noise(n, alpha):
    difference = detectable_difference(n, 0.003, alpha=alpha, wanted=0.9)
    assert power(n, difference / 0.003, alpha=alpha) == pytest.approx(0.9, abs=1e-6)
    assert detectable_difference(n, 0.006, alpha=alpha, wanted=0.9) == pytest.approx(2 * difference)


@pytest.mark.parametrize("effect", [0.1, 0.5, 1.0, 3.0])
def test_the_seeds_needed_are_the_fewest_that_suffice(effect):
    needed = seeds_needed(-effect * 0.01, 0.01)
    assert needed is not None
    assert power(needed, effect) >= 0.8 > power(needed - 1, effect)


def test_the_seeds_needed_find_exactly_what_is_detectable():
    for n in (2, 5, 17):
        assert seeds_needed(1.000001 * detectable_difference(n, 0.4), 0.4) == n


def test_an_enormous_difference_needs_two_seeds():
    assert seeds_needed(1e9, 1e-3) == 2


def test_the_edges():
    assert seeds_needed(0.0, 0.1) is None
    assert seeds_needed(math.nan, 0.1) is None
    assert seeds_needed(0.1 / math.sqrt(MOST_SEEDS), 0.1) is None
    for sd in (0.0, math.nan):
        assert seeds_needed(0.1, sd) is None
        assert math.isnan(detectable_difference(5, sd))
    assert math.isnan(detectable_difference(1, 0.1))
    assert math.isnan(detectable_difference(0, math.nan))
