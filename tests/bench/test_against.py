"""Two benches compared: only what lies outside both spreads has changed."""

from dataclasses import replace

import pytest

from clipbench.bench.against import caveats, changes
from clipbench.bench.measure import Measure, Part, Row
from clipbench.bench.results import Results

MADE = {"commit": None, "dirty": None, "versions": {"torch": "2"}, "machine": {"cpu_count": 2}}


def results(values, *, unit="s", name="load", **settings):
    row = Row("digits", {name: Measure(unit, tuple(values))})
    return Results(MADE, "cpu", 2, [Part("data", settings, [row])])


@pytest.mark.parametrize(
    ("unit", "now", "verdict"),
    [
        ("s", [2.0, 2.1, 2.2], "slower"),
        ("s", [0.5, 0.5, 0.5], "faster"),
        ("batches/s", [2.0, 2.1, 2.2], "faster"),
        ("of copy", [0.5, 0.5, 0.5], "slower"),
        ("s", [1.0, 1.15, 1.3], "within the spread"),
    ],
)
def test_what_more_means_depends_on_the_unit(unit, now, verdict):
    (change,) = changes(results(now, unit=unit), results([1.0, 1.1, 1.2], unit=unit))
    assert change.verdict == verdict
    assert change.ratio == pytest.approx(sorted(now)[1] / 1.1)


def test_a_bench_compared_with_itself_has_not_changed():
    one = results([1.0, 3.0, 2.0])
    assert [change.verdict for change in changes(one, one)] == ["within the spread"]
    assert caveats(one, one) == []


def test_nothing_is_concluded_from_a_single_value():
    many = results([1.0, 1.1, 1.2])
    for now, earlier in ((results([9.0]), many), (many, results([9.0]))):
        (change,) = changes(now, earlier)
        assert change.verdict == "within the spread"


def test_other_names_and_units_are_not_compared():
    assert changes(results([1.0]), results([1.0], unit="ms")) == []
    assert changes(results([1.0]), results([1.0], name="batches")) == []


def test_whatever_else_differs_is_said():
    now, earlier = results([1.0], turns=3), results([1.0], turns=5)
    made = {**MADE, "machine": {"cpu_count": 8}, "versions": {"torch": "1"}}
    earlier = replace(earlier, made=made, threads=4, device="GPU")
    assert caveats(now, earlier) == [
        "the machine is another one: what differs may be the machine's",
        "device: GPU then, cpu now",
        "threads: 4 then, 2 now",
        "torch: 1 then, 2 now",
        "data turns: 5 then, 3 now",
    ]
    assert caveats(now, replace(now, parts=[])) == ["data was not measured earlier"]
