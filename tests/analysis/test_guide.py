"""The choice guide shows what was measured, with its interval, side by side."""

from __future__ import annotations

import pytest
from scipy import stats

from clipbench.analysis.comparison import compare
from clipbench.analysis.guide import CELLS, guide_table
from clipbench.analysis.history import read_histories
from clipbench.analysis.load import load_runs
from clipbench.analysis.statistics import share
from clipbench.records.journal import JOURNAL_FILE, Journal
from tests.analysis.stored import store, store_arms


@pytest.fixture
def tree(tmp_path):
    store_arms(tmp_path, {"relu": [0.9, 0.8], "pact": [0.95, 0.85]})
    store(tmp_path / "d", "pact", 2, None, status="diverged", cause="nan")
    store(tmp_path / "f", "pact", 3, None, status="failed")
    return tmp_path


def guide(tree):
    runs = load_runs([tree])
    (comparison,) = compare(runs)
    return guide_table(comparison, histories=read_histories(runs).by_path)


def test_a_row_is_what_the_records_say(tree):
    relu, pact = guide(tree).rows
    shown = {key: cell.text for key, cell in pact.cells.items()}
    assert shown == {
        "beyond": "20.0",  # (0.1 + 0.3) / 2 on both seeds
        "peak": "1.50",
        "learned": "2",
        "movement": "50.0",  # 1 -> 1.5 and 1 -> 0.5
        "spread": "100.0",  # 1.5 and 0.5 around 1
        "diverged": "1/3 [1, 91 %]",  # the failed seed says nothing of stability
        "spikes": "–",  # three samples are too few to judge
        "sparsity": "45.0 [13.2, 76.8]",
        "mean": "90.00 [26.47, 153.53]",
        "time": "1.00",
        "parameters": "1,234",
    }
    assert relu.cells["diverged"].text == "0/2 [0, 84 %]"


def test_the_share_of_diverged_seeds_has_its_exact_interval():
    for marked, n in ((0, 5), (1, 3), (3, 3), (7, 20)):
        theirs = stats.binomtest(marked, n).proportion_ci(method="exact")
        ours = share(marked, n)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_time_is_compared_seed_by_seed(tree):
    for seed, seconds in ((0, 3.0), (1, 5.0)):
        with Journal(tree / "clip=pact" / f"seed={seed}" / JOURNAL_FILE) as journal:
            for step in range(100, 110):
                journal.write(step=step, epoch=9, scalars={"seconds/train": seconds})
    _, pact = guide(tree).rows
    assert dict(pact.cells["time"].values)[""] == pytest.approx((1.5 + 2.5) / 2)


def test_every_column_has_a_heading_and_says_what_it_is(tree):
    columns = guide(tree).columns
    assert [column.key for column in columns] == list(CELLS)
    headings = list(dict.fromkeys(column.group for column in columns))
    assert headings == ["control", "flexibility", "stability", "sparsity", "accuracy", "cost"]
    assert all(column.about.endswith(".") for column in columns)


def test_runs_that_measured_no_test_part_show_the_validation_part(tmp_path):
    store_arms(tmp_path, {"relu": [0.9]})
    (run,) = load_runs([tmp_path])
    for tag in [tag for tag in run.results if tag.startswith("test/saturation")]:
        del run.results[tag]
    run.results["saturation/conv1"] = 0.25
    (comparison,) = compare([run])
    table = guide_table(comparison, histories=read_histories([run]).by_path)
    assert table.rows[0].cells["beyond"].text == "25.0"
    assert "validation" in table.columns[0].about
