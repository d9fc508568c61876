"""A history holds each wanted tag in the order of the journal."""

from __future__ import annotations

import numpy as np

from clipbench.analysis.history import read_histories
from clipbench.analysis.load import load_runs
from clipbench.records.journal import JOURNAL_FILE, Journal
from tests.analysis.stored import store


def test_series_are_those_of_the_journal_record_by_record(tmp_path):
    store(tmp_path / "a")
    records = [
        (0, {"threshold/x/upper": 1.0}),
        (5, {"grad_norm/total": 2.0, "threshold/x/upper": 3.0, "sparsity/x": 9.0}),
        (5, {"val/loss": 4.0}),
        (7, {"threshold/x/upper": 5.0, "grad_norm/total": float("nan")}),
        (8, {"threshold/x/upper": 6.0}),
    ]
    (tmp_path / "a" / JOURNAL_FILE).unlink()
    with Journal(tmp_path / "a" / JOURNAL_FILE) as journal:
        for step, scalars in records:
            journal.write(step=step, epoch=0, scalars=scalars)
    histories = read_histories(load_runs([tmp_path]))
    (history,) = histories.by_path.values()
    assert histories.notes == []
    assert history.series.keys() == {"threshold/x/upper", "grad_norm/total", "val/loss"}
    thresholds = history.series["threshold/x/upper"]
    assert thresholds.steps.tolist() == [0, 5, 7, 8]
    assert thresholds.values.tolist() == [1.0, 3.0, 5.0, 6.0]
    assert np.isnan(history.values("grad_norm/total")).tolist() == [False, True]
    assert history.values("nowhere").tolist() == []


def test_a_missing_journal_and_a_damaged_line_are_named(tmp_path):
    (store(tmp_path / "a") / JOURNAL_FILE).unlink()
    with (store(tmp_path / "b", seed=1) / JOURNAL_FILE).open("ab") as file:
        file.write(b"torn")
    histories = read_histories(load_runs([tmp_path]))
    assert [len(history.series) > 0 for history in histories.by_path.values()] == [False, True]
    assert histories.unread[tmp_path / "b"] == "damaged lines: 1"
    (note,) = histories.notes
    assert str(tmp_path / "a") in note
    assert note.endswith("and 1 more")
