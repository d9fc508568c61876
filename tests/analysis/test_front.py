"""On the front stands what nothing else beats in both means."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clipbench.analysis.front import Point, front_of
from clipbench.analysis.palette import Look
from clipbench.analysis.statistics import Estimate

LOOK = Look("#000000", "o")


def point(x, y, label=""):
    at = [Estimate(1, value, float("nan"), float("nan"), float("nan")) for value in (x, y)]
    return Point(label, LOOK, at[0], at[1])


def test_a_front_by_hand():
    points = [point(0, 0.9, "a"), point(0.5, 0.8, "b"), point(0.4, 0.7, "c"), point(0, 0.8, "d")]
    assert [kept.label for kept in front_of(points)] == ["a", "b"]


def test_equal_points_stand_on_it_together():
    assert len(front_of([point(0.5, 0.5), point(0.5, 0.5)])) == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_everything_off_the_front_is_beaten_by_something_on_it(places):
    points = [point(x, y) for x, y in places]
    kept = front_of(points)
    for one in points:
        beaten = any(
            k.along.mean >= one.along.mean and k.up.mean >= one.up.mean and k.place != one.place
            for k in kept
        )
        assert (one in kept) != beaten
