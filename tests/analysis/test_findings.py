"""What is found once reaches every format."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipbench.analysis.findings import find
from clipbench.analysis.load import load_runs
from clipbench.analysis.lost import Lost
from tests.analysis.made import arms_of, made
from tests.analysis.stored import store_arms

METRIC = "test/accuracy"


def test_only_runs_of_the_same_data_and_model_are_compared():
    runs = [run for model in ("cnn", "mlp") for run in arms_of({"relu": [0.9]}, model=model)]
    assert [table.title for table in find(runs, metric=METRIC).tables(["runs"])] == [
        "digits, cnn",
        "digits, mlp",
    ]


def test_runs_are_counted_by_how_they_stand():
    runs = [*arms_of({"relu": [0.9, 0.8]}), made("pact", 0, None, status="failed")]
    planned = [Lost("clip=pact", 1, "never started", Path("x"))]
    found = find(runs, metric=METRIC, unstarted=planned)
    assert found.summary == "4 runs: 2 finished, 1 failed, 1 never started"
    assert [one.who for one in found.lost] == ["pact seed 0", "clip=pact seed 1"]
    assert find([], metric=METRIC).summary == "0 runs"


def test_predictions_are_read_only_when_a_column_needs_them(tmp_path, monkeypatch):
    store_arms(tmp_path, {"relu": [0.9], "pact": [0.9]})
    found = find(load_runs([tmp_path]), metric=METRIC)
    assert found.tables(["mcnemar_p"])[0].notes == []

    def refuse(run):
        raise AssertionError(run)

    monkeypatch.setattr("clipbench.analysis.load.Run.predictions", refuse)
    found.tables(["runs", "mean", "holm_p"])
    with pytest.raises(AssertionError):
        found.tables(["mcnemar_p"])


def test_several_data_sets_have_a_table_together():
    runs = [
        run
        for data in ("digits", "mnist")
        for run in arms_of({"relu": [0.9, 0.8], "pact": [0.9, 0.95]}, data=data)
    ]
    (table,) = find(runs, metric=METRIC).together()
    assert [row.label for row in table.rows] == ["relu", "pact"]
    assert find(runs[:4], metric=METRIC).together() == []
