"""A fast slice of ``scripts/campaign_events.py``: damage to a view costs the view alone."""

from __future__ import annotations

import random

from clipbench.records.recorder import Recorder
from clipbench.records.tensorboard import EVENT_FILES
from scripts.campaign_events import (
    Legacy,
    Plugin,
    _damage,
    _report,
    damaged,
    disorder_of,
    fault_of,
    of_journal,
)
from tests.records.written import write_run


def test_a_damaged_event_file_changes_no_report_and_is_restored(tmp_path):
    run = write_run(tmp_path / "run")
    wanted, said = of_journal(run), _report(run)
    (whole,) = (file.read_bytes() for file in run.glob(EVENT_FILES))
    draw = random.Random(0)
    for number in range(8):
        content = _damage(whole, number, draw)
        assert damaged(run, content, wanted=wanted, said=said) == ""


def test_accumulators_see_one_curve_where_a_run_went_back_and_on(tmp_path):
    for steps in (range(60), range(40, 100)):
        with Recorder(tmp_path) as recorder:
            for step in steps:
                recorder.write(step=step, epoch=0, scalars={"train/loss": 1 / (step + 1)})
    wanted = of_journal(tmp_path)
    assert len(wanted["train/loss"]) == 100
    assert fault_of(Legacy(tmp_path).curves(), wanted) == ""
    assert fault_of(Plugin(tmp_path).curves(), wanted) == ""


def test_the_judges_see_what_is_wrong():
    wanted = {"a": [(0, 1.0), (1, 2.0)]}
    assert fault_of(wanted, wanted) == disorder_of(wanted, wanted) == ""
    for found in ({}, {"a": [(0, 1.0)]}, {"a": [(0, 1.0), (1, 3.0)]}):
        assert fault_of(found, wanted) != ""
    twice = {"a": [(0, 1.0), (0, 1.0), (1, 2.0)]}
    assert fault_of(twice, wanted) == disorder_of(twice, wanted) == "a: steps repeat or go back"
