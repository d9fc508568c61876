"""The same numbers from statsmodels, which shares no code with ours.

Skipped where it is not installed: ``pip install '.[external]'``.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from clipbench.analysis.mcnemar import exact_p
from clipbench.analysis.power import detectable_difference, power, seeds_needed
from clipbench.analysis.statistics import estimate, holm, share

pytest.importorskip("statsmodels")

from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("size", [1, 2, 8, 30])
def test_holm(size):
    p_values = (GENERATOR.random(size) ** 3).tolist()
    theirs = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(theirs.tolist())


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (3, 0), (5, 9), (40, 63)])
def test_mcnemar(only_a, only_b):
    theirs = mcnemar([[100, only_a], [only_b, 7]], exact=True).pvalue
    assert exact_p(only_a, only_b) == pytest.approx(float(theirs))


@pytest.mark.parametrize("n", [2, 5, 10])
def test_t_interval(n):
    values = GENERATOR.normal(0.9, 0.01, n)
    ours = estimate(values.tolist())
    assert (ours.low, ours.high) == pytest.approx(DescrStatsW(values).tconfint_mean())


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 8])
def test_power(alpha):
    theirs = TTestPower()
    for n, effect in ((5, 1.7), (10, 1.0), (30, 0.5)):
        one_sided = theirs.power(effect, n, alpha / 2, alternative="larger")
        assert power(n, effect, alpha=alpha) == pytest.approx(one_sided, abs=1e-6)
    solved = theirs.solve_power(nobs=10, alpha=alpha / 2, power=0.8, alternative="larger")
    assert detectable_difference(10, 2.0, alpha=alpha) == pytest.approx(2 * solved, rel=1e-4)
    seeds = theirs.solve_power(effect_size=0.6, alpha=alpha / 2, power=0.8, alternative="larger")
    assert seeds_needed(0.3, 0.5, alpha=alpha) == math.ceil(seeds)


@pytest.mark.parametrize(("marked", "n"), [(0, 5), (2, 5), (5, 5)])
def test_share_of_seeds(marked, n):
    ours = share(marked, n)
    theirs = proportion_confint(marked, n, method="beta")
    assert (ours.low, ours.high) == pytest.approx(tuple(map(float, theirs)))
