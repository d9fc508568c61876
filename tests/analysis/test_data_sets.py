"""Several data sets together: who is in, and that the numbers are those of across_data."""

from __future__ import annotations

import numpy as np
import pytest

from clipbench.analysis.across_data import bootstrap, interquartile_mean
from clipbench.analysis.comparison import compare
from clipbench.analysis.data_sets import across, across_table, resampled
from tests.analysis.made import arms_of, made

DIGITS = {"relu": [0.90, 0.91, 0.92], "pact": [0.92, 0.93, 0.95]}
MNIST = {"relu": [0.98, 0.97], "pact": [0.985, 0.98], "silu": [0.9, 0.9]}
DIFFERENCES = [[0.02, 0.02, 0.03], [0.005, 0.01]]


def found_in(runs):
    comparisons = compare(runs)
    found, notes = across(comparisons)
    return {one.label: one for one in found}, notes


def two_sets():
    return [*arms_of(DIGITS), *arms_of(MNIST, data="mnist")]


def test_what_stands_on_every_data_set_is_gathered_and_the_rest_is_named():
    found, notes = found_in(two_sets())
    assert list(found) == ["relu", "pact"]
    assert found["relu"].differences == []
    for ours, theirs in zip(found["pact"].differences, DIFFERENCES, strict=True):
        assert ours == pytest.approx(theirs)
    assert notes == ["Left out, for want of a number on every data set: silu"]


def test_one_data_set_is_no_several():
    assert across(compare(arms_of(DIGITS))) == ([], [])


def test_a_clip_with_a_rate_of_its_own_on_each_data_set_is_one_choice():
    runs = []
    for data, rate in {"digits": 0.1, "mnist": 0.2}.items():
        tuned = {"_target_": "clipbench.optim.adamw.adamw", "lr": rate}
        typed = ["clip=pact", f"optim.lr={rate}"]
        for seed in (0, 1):
            runs.append(made("relu", seed, 0.9 + 0.01 * seed, data=data))
            runs.append(made("pact", seed, data=data, overrides=typed, optim=tuned))
    found, notes = found_in(runs)
    assert (list(found), notes) == (["relu", "pact"], [])


def test_the_table_holds_interquartile_means_with_bootstrap_intervals():
    found, notes = found_in(two_sets())
    relu, pact = across_table(list(found.values()), metric="test/accuracy", notes=notes).rows
    strata = [np.array(stratum) for stratum in DIFFERENCES]
    low, high = bootstrap(strata, statistic=interquartile_mean)
    values = dict(pact.cells["iqm_difference"].values)
    assert values[""] == pytest.approx(interquartile_mean(strata))
    assert (values["low"], values["high"]) == pytest.approx((float(low), float(high)))
    assert relu.cells["iqm_difference"].text == "reference"
    assert (pact.cells["sets"].text, pact.cells["scores"].text) == ("2", "5")


def test_one_seed_on_each_data_set_has_no_interval():
    alone = resampled([np.array([0.5]), np.array([0.7])])
    assert alone.mean == pytest.approx(0.6)
    assert np.isnan([alone.low, alone.high]).all()
    assert not np.isnan(resampled([np.array([0.5, 0.6]), np.array([0.7])]).low)
