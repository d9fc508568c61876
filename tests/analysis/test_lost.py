"""What gave no number is named once, with its cause, and counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from clipbench.analysis.comparison import compare
from clipbench.analysis.load import UNREADABLE
from clipbench.analysis.lost import Lost, arms_of, lost_runs, never_started, repeated_runs
from tests.analysis.made import arms_of as made_arms
from tests.analysis.made import made


def test_every_kind_of_loss_is_named_with_its_cause():
    runs = [
        *made_arms({"relu": [0.9, 0.8]}),
        made("pact", 0, None, status="failed", cause="out of memory\nand more"),
        made("pact", 1, None, status="diverged", cause="diverged at step 3: nan"),
        made("pact", 2, None, status="interrupted"),
        made("pact", 3, None, status="running"),
        made("pact", 4, float("nan")),
        replace(made(folder="x"), status=UNREADABLE, cause="damaged", seed=None, config={}),
    ]
    lost = lost_runs(runs, compare(runs))
    assert [(one.who, one.cause) for one in lost] == [
        ("pact seed 0", "failed: out of memory"),
        ("pact seed 1", "diverged at step 3: nan"),
        ("pact seed 2", "interrupted"),
        ("pact seed 3", "running"),
        ("pact seed 4", "test/accuracy is nan"),
        ("a run", "unreadable: damaged"),
    ]
    assert lost[0].path == Path("clip=pact/seed=0")


def test_of_several_data_sets_the_data_set_is_named():
    runs = [made("relu"), made("relu", 0, None, status="failed", data="mnist")]
    (lost,) = lost_runs(runs, compare(runs))
    assert lost.who == "mnist: relu seed 0"


def test_a_seed_that_was_run_twice_is_named_with_the_run_that_counts():
    runs = [made(folder="old", accuracy=0.99), made(folder="new", accuracy=0.9), made("pact")]
    (said,) = repeated_runs(compare(runs))
    assert said == "relu seed 0 was run 2 times; what counts is new/clip=relu/seed=0"


def test_planned_runs_belong_to_their_neighbours():
    (comparison,) = compare(made_arms({"relu": [0.9], "pact": [0.9]}))
    relu, pact = arms_of(comparison)
    planned = [
        Lost("clip=pact", seed, "never started", Path(f"clip=pact/seed={seed}")) for seed in (1, 2)
    ]
    assert (never_started(relu, planned), never_started(pact, planned)) == (0, 2)


def test_a_reference_without_any_run_is_no_arm():
    runs = [*made_arms({"relu": [0.9]}), *made_arms({"pact": [0.9]}, data="mnist")]
    _, mnist = compare(runs, reference="relu")
    assert [arm.label for arm in arms_of(mnist)] == ["pact"]
