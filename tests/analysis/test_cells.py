"""Cells say what can be said and nothing else."""

from __future__ import annotations

import math

import pytest

from clipbench.analysis.cells import DASH, mean_cell, number_cell, p_text, percent, words
from clipbench.analysis.statistics import estimate


def cell(values, **kwargs):
    return mean_cell(estimate(values), "{:.2f}".format, **kwargs)


def test_a_mean_has_its_interval():
    shown = cell([1.0, 2.0, 3.0])  # 2 ± 4.303 * 1 / sqrt(3)
    assert shown.text == "2.00 [-0.48, 4.48]"
    values = dict(shown.values)
    assert (values[""], values["n"]) == (2.0, 3)
    assert (values["low"], values["high"]) == pytest.approx((-0.484, 4.484), abs=1e-3)


def test_one_value_has_no_interval_and_none_is_a_dash():
    assert cell([0.5]).text == "0.50"
    assert cell([0.5, 0.5]).text == "0.50"
    assert cell([]).text == DASH


def test_fewer_values_than_there_should_be_are_counted():
    assert cell([0.5], of=3).text == "0.50 (n=1)"
    assert cell([0.5, 0.7], of=2).detail.startswith("[")


def test_a_difference_has_its_sign():
    assert cell([0.5], signed=True).main == "+0.50"
    assert cell([-0.5], signed=True).main == "-0.50"
    assert cell([0.0], signed=True).main == "0.00"


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.05, "0.05"), (0.0625, "0.062"), (1e-5, "<0.0001"), (1, "1"), (math.nan, DASH)],
)
def test_a_p_value_has_two_digits(p, text):
    assert p_text(p) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0.0"), (1, "100.0"), (0.0999, "9.99"), (0.00005, "0.005"), (-0.2, "-20.0")],
)
def test_percent_keeps_two_digits(share, text):
    assert percent(share) == text


def test_words_sort_by_themselves_unless_they_stand_for_a_number():
    assert words("3e-4", 3e-4).values == (("", 3e-4),)
    assert words("relu").values == (("", "relu"),)
    assert number_cell(math.nan, str).main == DASH
