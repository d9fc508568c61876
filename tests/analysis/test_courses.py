"""The marks of a logarithmic axis are few, round, and within what is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.analysis.bands import Band
from clipbench.analysis.courses import MOST_MARKS, log_marks


def band(low, high):
    ends = np.array([low, high], dtype=float)
    return Band(np.arange(2), ends, ends, ends)


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0.4, 3, [0.5, 1, 2]),
        (2.31, 2.94, [2.3, 2.9]),
        (1, 10, [1, 2, 5, 10]),
        (0.01, 100, [0.01, 0.1, 1, 10, 100]),
    ],
)
def test_marks_by_hand(low, high, marks):
    assert log_marks([band(low, high)]) == marks


@given(st.floats(1e-12, 1e12), st.floats(1, 1e12))
def test_marks_are_few_and_within(low, factor):
    marks = log_marks([band(low, low * factor)])
    assert len(marks) <= MOST_MARKS
    assert marks == sorted(marks)
    assert all(0.94 * low <= mark <= 1.06 * low * factor for mark in marks)
    assert len(marks) >= (1 if factor < 1.2 else 2)


def test_what_cannot_stand_on_the_axis_is_passed_over():
    assert log_marks([band(0, math.nan), band(-1, math.inf)]) == []
