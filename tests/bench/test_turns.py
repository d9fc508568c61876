"""Turns: who runs when, what counts, and what a clock says."""

from itertools import count

import pytest

from clipbench.bench.turns import in_turns, timed


def test_contestants_run_a_b_a_b():
    ran = []
    in_turns({name: lambda name=name: ran.append(name) for name in "ab"}, turns=3, warm_up=0)
    assert ran == list("ababab")


def test_turns_to_warm_up_run_and_do_not_count():
    numbers = {"a": count(), "b": count(10)}
    runs = {name: (lambda of=of: next(of)) for name, of in numbers.items()}
    assert in_turns(runs, turns=2, warm_up=1) == {"a": [1, 2], "b": [11, 12]}


def test_every_run_is_told():
    told = []
    in_turns({"a": int, "b": int}, turns=3, warm_up=2, told=lambda: told.append(1))
    assert len(told) == 2 * (3 + 2)


def test_no_turn_is_refused():
    with pytest.raises(ValueError, match="got turns=0"):
        in_turns({"a": int}, turns=0)


def test_what_is_timed_is_the_work_between_two_looks_at_the_clock():
    ticks = iter([10.0, 12.5])
    done = []
    assert timed(lambda: done.append(1), clock=lambda: next(ticks))() == 2.5
    assert done == [1]
