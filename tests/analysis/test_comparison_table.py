"""The numbers of the table are those of a hand calculation."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from clipbench.analysis.comparison import compare
from clipbench.analysis.comparison_table import CELLS, comparison_table, known_tags
from clipbench.analysis.disagreements import disagreements
from clipbench.analysis.load import load_runs
from clipbench.analysis.lost import Lost
from tests.analysis.made import arms_of, made
from tests.analysis.stored import store_arms

RELU = [0.90, 0.91, 0.92, 0.90, 0.91]
PACT = [0.92, 0.925, 0.94, 0.91, 0.93]


def table_of(runs, keys=tuple(CELLS), **kwargs):
    (comparison,) = compare(runs)
    return comparison_table(comparison, keys=keys, disagreements={}, **kwargs)


def values(row, key):
    return dict(row.cells[key].values)


def test_a_row_equals_a_hand_calculation():
    relu, pact = table_of(arms_of({"relu": RELU, "pact": PACT})).rows
    assert relu.cells["difference"].text == "reference"
    assert pact.cells["runs"].text == "5/5"
    mean = values(pact, "mean")
    low, high = stats.t.interval(0.95, 4, loc=0.925, scale=stats.sem(PACT))
    assert (mean[""], mean["low"], mean["high"]) == pytest.approx((0.925, low, high))
    # differences 2, 1.5, 2, 1, 2 points: mean 1.7, sd 0.4472, reach 2.7764 * 0.2 = 0.5553
    assert pact.cells["difference"].text == "+1.70 [1.14, 2.26]"
    theirs = stats.ttest_rel(PACT, RELU).pvalue
    assert values(pact, "p")[""] == pytest.approx(theirs)
    assert values(pact, "holm_p")[""] == pytest.approx(theirs)
    assert pact.cells["sign_flip_p"].text == "0.062 (≥ 0.062)"
    assert values(pact, "superiority")[""] == 1.0
    assert pact.cells["verdict"].text == "better than relu by 1.70 points [1.14, 2.26]"


def test_a_lost_seed_lowers_n_and_the_verdict_names_it():
    runs = [*arms_of({"relu": RELU, "pact": PACT[:4]}), made("pact", 4, None, status="failed")]
    _, pact = table_of(runs).rows
    assert pact.cells["runs"].text == "4/5"
    assert values(pact, "difference")["n"] == 4
    assert pact.cells["verdict"].text.endswith("without seed 4")


def test_a_planned_run_counts_in_the_total():
    runs = arms_of({"relu": RELU, "pact": PACT[:4]})
    planned = [Lost("clip=pact", 4, "never started", runs[-1].path.parent / "seed=4")]
    _, pact = table_of(runs, unstarted=planned).rows
    assert pact.cells["runs"].text == "4/5"


def test_one_seed_has_no_interval_and_no_p():
    _, pact = table_of(arms_of({"relu": [0.9], "pact": [0.95]})).rows
    assert pact.cells["mean"].text == "95.00"
    assert pact.cells["difference"].text == "+5.00"
    assert [pact.cells[key].main for key in ("p", "holm_p", "detectable")] == ["–"] * 3
    assert math.isnan(values(pact, "mean")["low"])


def test_one_configuration_alone_is_compared_with_nothing():
    (row,) = table_of(arms_of({"pact": PACT})).rows
    assert row.cells["verdict"].text == "nothing to compare with"


def test_the_pooled_mcnemar_p_comes_from_the_predictions(tmp_path):
    store_arms(tmp_path, {"relu": [0.8, 0.8], "pact": [0.98, 0.98]})
    (comparison,) = compare(load_runs([tmp_path]))
    found = disagreements(comparison).by_label
    _, pact = comparison_table(comparison, keys=["mcnemar_p"], disagreements=found).rows
    assert pact.cells["mcnemar_p"].text == "0.0039 (9:0)"
    assert values(pact, "mcnemar_p")[""] == pytest.approx(stats.binomtest(9, 9).pvalue)


def test_tags_and_keys_are_columns_too(tmp_path):
    store_arms(tmp_path, {"relu": [0.9, 0.8], "pact": [0.7, 0.7]})
    runs = load_runs([tmp_path])
    keys = ["test/loss", "optim.lr", "seed", "status"]
    table = table_of(runs, keys)
    relu, pact = table.rows
    assert [column.title for column in table.columns] == ["test loss", *keys[1:]]
    assert values(relu, "test/loss")[""] == pytest.approx(0.15)
    assert values(pact, "optim.lr")[""] == 0.01
    assert (pact.cells["seed"].text, pact.cells["status"].text) == ("0, 1", "finished")
    assert "test/loss" in known_tags(runs)


def test_a_tag_that_some_runs_lack_says_how_many_have_it():
    runs = [made(seed=seed, accuracy=0.9) for seed in (0, 1)]
    runs[0].results["val/loss"] = 0.5
    (row,) = table_of(runs, ["val/loss"]).rows
    assert row.cells["val/loss"].text == "0.5 (n=1)"


def test_sparsity_is_of_one_part_for_all_rows():
    runs = arms_of({"relu": [0.9], "pact": [0.9]})
    for run in runs:
        run.results["sparsity/mean"] = 0.25
    runs[0].results["test/sparsity/mean"] = 0.5
    table = table_of(runs, ["sparsity"])
    assert [row.cells["sparsity"].text for row in table.rows] == ["25.00", "25.00"]
    assert "validation" in table.columns[0].title
    runs[1].results["test/sparsity/mean"] = 0.5
    table = table_of(runs, ["sparsity"])
    assert [row.cells["sparsity"].text for row in table.rows] == ["50.00", "50.00"]
    assert table.columns[0].title == "zeros %"


def test_every_column_says_what_it_is():
    columns = table_of(arms_of({"relu": RELU, "pact": PACT})).columns
    assert [column.key for column in columns] == list(CELLS)
    assert all(column.about.endswith(".") for column in columns)
