"""Each measure equals a hand calculation, and is not a number where nothing was recorded."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clipbench.analysis import measures
from clipbench.analysis.history import History, Series


def history(**series):
    tags = {tag.replace("__", "/"): np.array(values, dtype=float) for tag, values in series.items()}
    return History({tag: Series(np.arange(len(v)), v) for tag, v in tags.items()})


def test_saturation_is_the_mean_of_the_sites_of_one_part():
    results = {"test/saturation/a": 0.1, "test/saturation/b": 0.3, "saturation/a": 0.9}
    assert measures.saturation(results, part="test/") == pytest.approx(0.2)
    assert measures.saturation(results, part="") == 0.9


def test_the_peak_is_the_mean_of_the_ratios_of_the_sites():
    results = {
        "test/output_quantile/a/max": 3.0, "test/output_quantile/a/q999": 2.0,
        "test/output_quantile/b/max": 5.0, "test/output_quantile/b/q999": 2.0,
        "test/output_quantile/dead/max": 0.0, "test/output_quantile/dead/q999": 0.0,
    }  # fmt: skip
    assert measures.peak(results) == pytest.approx(2.0)


def test_movement_is_the_median_of_the_relative_ways():
    results = {
        "threshold/a/upper": 1.5, "threshold/b/upper": 0.9, "threshold/c/lower/mean": -1.2,
        "threshold/c/lower/min": -9.0, "threshold/d/lower": 0.3, "threshold/e/upper": 2.0,
    }  # fmt: skip
    moved = history(
        threshold__a__upper=[1.0, 7.0], threshold__b__upper=[1.0], threshold__c__lower__mean=[-1.0],
        threshold__c__lower__min=[-1.0], threshold__d__lower=[0.0], threshold__e__upper=[math.inf],
    )  # fmt: skip
    # 0.5, 0.1 and 0.2; what starts at zero, or without a bound, has no relative way
    assert measures.movement(results, moved) == pytest.approx(0.2)


def test_spread_is_the_range_over_the_mean_size():
    results = {"threshold/a/upper": 1.0, "threshold/b/upper": 3.0, "threshold/a/lower": -5.0}
    assert measures.spread(results) == pytest.approx(2 / 2)
    results["threshold/b/lower"] = -5.0
    assert measures.spread(results) == pytest.approx((1 + 0) / 2)


def test_spikes_are_counted_against_the_median_before_them():
    norms = [1.0] * 5 + [2.9, 3.1, 1.0, 1.0, 40.0]
    assert measures.spikes(history(grad_norm__total=norms)) == pytest.approx(2 / 5)
    rising = [1.2**k for k in range(60)]  # each norm is over six times the median before it
    slow = [1.02**k for k in range(60)]
    assert measures.spikes(history(grad_norm__total=rising)) > 0.5
    assert measures.spikes(history(grad_norm__total=slow)) == 0


def test_an_epoch_takes_its_median_time():
    assert measures.epoch_seconds(history(seconds__train=[9.0, 1.0, 2.0])) == 2.0


def test_of_nothing_there_is_nothing():
    empty = history()
    assert all(
        math.isnan(value)
        for value in (
            measures.saturation({}, part="test/"),
            measures.peak({}),
            measures.movement({}, empty),
            measures.spread({"threshold/a/upper": 1.0}),
            measures.spikes(history(grad_norm__total=[1.0] * measures.LEAST)),
            measures.epoch_seconds(empty),
        )
    )
