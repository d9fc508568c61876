"""Bands are numpy's quantiles over the seeds that have a value."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clipbench.analysis.bands import band
from clipbench.analysis.history import History, Series


def seed(steps, values):
    return History({"a": Series(np.array(steps), np.array(values, dtype=float))})


def test_a_band_is_numpys_quantiles():
    rows = [[1.0, 5.0], [2.0, 9.0], [4.0, 7.0]]
    shown = band([seed([0, 10], row) for row in rows], "a")
    low, middle, high = np.quantile(rows, [0.1, 0.5, 0.9], axis=0)
    assert shown.steps.tolist() == [0, 10]
    assert [shown.low, shown.middle, shown.high] == [pytest.approx(x) for x in (low, middle, high)]


def test_a_seed_that_ended_early_counts_as_far_as_it_came():
    shown = band([seed([0, 10, 20], [1, 2, 3]), seed([0, 5, 10], [3, 4, math.inf])], "a")
    assert shown.steps.tolist() == [0, 5, 10, 20]
    assert shown.middle.tolist() == [2, 4, 2, 3]


def test_of_two_values_at_one_step_the_later_counts():
    shown = band([seed([0, 5, 5], [1, 2, 3]), seed([0, 5, 5], [1, 2, 3])], "a")
    assert (shown.steps.tolist(), shown.middle.tolist()) == ([0, 5], [1, 3])


def test_what_nobody_recorded_has_no_band():
    assert band([seed([0], [1])], "b") is None
    assert band([], "a") is None
    assert np.isnan(band([seed([0], [math.nan])], "a").middle).all()
