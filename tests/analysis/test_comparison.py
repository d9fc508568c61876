"""From runs to rows: who is compared with whom, on what, and what the simulations say of it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from scipy import stats

from clipbench.analysis.comparison import compare
from clipbench.analysis.load import Run
from scripts.campaign_statistics import measure, normal
from tests.analysis.made import arms_of, made

RELU = [0.90, 0.91, 0.92, 0.90, 0.91]
PACT = [0.92, 0.925, 0.94, 0.91, 0.93]
PRELU = [0.90, 0.92, 0.91, 0.91, 0.90]


def test_a_row_holds_what_scipy_finds():
    (family,) = compare(arms_of({"relu": RELU, "pact": PACT, "prelu": PRELU}))
    assert (family.block, family.metric) == (("digits",), "test/accuracy")
    assert family.reference.label == "relu"
    first, second = family.rows
    assert [row.arm.label for row in family.rows] == ["pact", "prelu"]
    theirs = stats.ttest_rel(PACT, RELU)
    interval = theirs.confidence_interval()
    assert first.p == pytest.approx(theirs.pvalue)
    assert first.difference.low == pytest.approx(interval.low)
    assert first.difference.high == pytest.approx(interval.high)
    assert first.holm_p == pytest.approx(2 * first.p)
    assert second.holm_p == pytest.approx(stats.ttest_rel(PRELU, RELU).pvalue)
    assert first.arm.estimate.mean == pytest.approx(0.925)
    assert (first.sign_flip_p, first.sign_flip_floor) == (0.0625, 0.0625)
    assert (first.superiority, second.superiority) == (1.0, 0.5 * 0.2 + 0.4)
    assert first.alpha == 0.025
    assert first.settle == pytest.approx(0.017)


def test_the_reference_can_be_chosen_by_label_or_clip():
    runs = arms_of({"pact": PACT, "relu": RELU})
    assert compare(runs)[0].reference.label == "relu"
    (family,) = compare(runs, reference="pact")
    assert (family.reference.label, family.rows[0].arm.label) == ("pact", "relu")
    assert family.rows[0].difference.mean == pytest.approx(-0.017)


def test_without_a_relu_the_first_is_the_reference():
    assert compare(arms_of({"pact": PACT, "prelu": PRELU}))[0].reference.label == "pact"


def test_of_several_configurations_with_the_clip_the_first_is_the_reference():
    rates = {
        rate: {
            "overrides": ["clip=relu", f"optim.lr={rate}"],
            "optim": {"_target_": "clipbench.optim.adamw.adamw", "lr": rate},
        }
        for rate in (0.1, 0.2)
    }
    runs = [made(**rates[rate]) for rate in (0.2, 0.1)]
    assert compare(runs)[0].reference.label == "optim.lr=0.2"
    assert compare(runs, reference="relu")[0].reference.label == "optim.lr=0.2"
    exact = compare(runs, reference="optim.lr=0.1")[0].reference
    assert exact.label == "optim.lr=0.1"


def test_an_unknown_reference_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'gelu'; there are: relu, pact"):
        compare(arms_of({"relu": RELU, "pact": PACT}), reference="gelu")


@pytest.mark.parametrize("settle", [0.0, -0.1, math.nan])
def test_a_difference_to_settle_is_positive(settle):
    with pytest.raises(ValueError, match="settle"):
        compare(arms_of({"relu": RELU}), settle=settle)


def test_each_data_set_is_a_family_of_its_own():
    runs = arms_of({"relu": RELU, "pact": PACT}) + arms_of({"relu": PRELU}, data="mnist")
    digits, mnist = compare(runs)
    assert (digits.block, mnist.block) == (("digits",), ("mnist",))
    assert len(digits.rows) == 1
    assert mnist.rows == []
    assert digits.reference.values == dict(enumerate(RELU))


def test_models_can_be_held_apart():
    runs = [
        run
        for model in ("cnn", "mlp")
        for run in arms_of({"relu": RELU, "pact": PACT}, model=model)
    ]
    (together,) = compare(runs)
    assert len(together.rows) == 3
    families = compare(runs, within=("data", "model"))
    assert [family.block for family in families] == [("digits", "cnn"), ("digits", "mlp")]
    assert [[row.arm.label for row in family.rows] for family in families] == [["pact"]] * 2


def test_a_block_without_the_reference_compares_nothing_and_says_why():
    runs = arms_of({"relu": RELU, "pact": PACT}) + arms_of({"prelu": PRELU}, data="mnist")
    _, mnist = compare(runs, reference="relu")
    assert mnist.reference.runs == {}
    assert mnist.rows[0].difference.n == 0
    assert mnist.rows[0].pairs.missing == dict.fromkeys(range(5), "relu: no run")


def test_a_lost_seed_lowers_n_and_is_named():
    runs = arms_of({"relu": RELU, "pact": PACT[:4]})
    runs.append(made("pact", 4, None, status="diverged", cause="nan"))
    (row,) = compare(runs)[0].rows
    assert row.difference.n == 4
    assert row.arm.lost == {4: "diverged: nan"}
    assert row.pairs.missing == {4: "pact: diverged: nan"}
    assert row.sign_flip_floor == 0.125


def test_a_row_without_p_keeps_its_place_in_the_family():
    runs = arms_of({"relu": RELU, "pact": PACT, "prelu": [0.9]})
    rows = compare(runs)[0].rows
    assert math.isnan(rows[1].p)
    assert rows[0].holm_p == pytest.approx(2 * rows[0].p)


def test_any_tag_can_be_compared():
    runs = [made(clip, seed, seed / 10, tag="sparsity/mean") for clip in "ab" for seed in (0, 1)]
    (family,) = compare(runs, metric="sparsity/mean")
    assert family.reference.values == {0: 0.0, 1: 0.1}


def test_no_runs_and_unreadable_ones_give_no_family():
    lost = Run(Path("x"), "unreadable", "damaged", {}, (), "", None, {})
    assert compare([]) == []
    assert compare([lost]) == []


@pytest.mark.parametrize("seeds", [5, 10])
def test_on_noise_alone_the_promises_hold(seeds):
    """A slice of ``scripts/campaign_statistics.py``; the bounds are wider as the slice is short."""
    found = measure(normal, seeds=seeds, simulations=150, repeats=0)
    assert found.false_positive <= 0.09
    assert 0.92 <= found.covered <= 0.98
