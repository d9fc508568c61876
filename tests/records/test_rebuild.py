import os
import time

import pytest

from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.reading import RunError
from clipbench.records.rebuild import Rebuilt, rebuild_all
from clipbench.records.tensorboard import EVENT_FILES
from tests.records.written import write_run, write_sweep


def event_files(folder):
    return {file: file.read_bytes() for file in folder.rglob(EVENT_FILES)}


def test_every_run_below_a_folder_gets_its_event_file_back(tmp_path):
    runs = write_sweep(tmp_path, clips=["relu", "learnable"], seeds=[0, 1])
    before = event_files(tmp_path)
    for file in before:
        file.unlink()
    result = rebuild_all(tmp_path)
    assert sorted(result.made) == sorted(runs)
    assert (result.left, result.damaged, result.refused) == ([], {}, {})
    assert len(event_files(tmp_path)) == 4
    assert rebuild_all(runs[0]) == Rebuilt(made=[runs[0]])


def test_a_run_that_is_being_written_is_left_alone_until_it_is_quiet(tmp_path):
    run = write_run(tmp_path / "run", status="running")
    before = event_files(run)
    assert rebuild_all(tmp_path) == Rebuilt(left=[run])
    assert event_files(run) == before
    long_ago = time.time() - 3600
    os.utime(run / JOURNAL_FILE, (long_ago, long_ago))
    assert rebuild_all(tmp_path) == Rebuilt(made=[run])
    assert event_files(run).keys() != before.keys()


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_a_run_is_an_error(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="There is no run here"):
        rebuild_all(tmp_path / name)


def test_damaged_lines_are_told_and_the_rest_is_shown(tmp_path):
    run = write_run(tmp_path / "run")
    journal = run / JOURNAL_FILE
    journal.write_bytes(b"no record\n" + journal.read_bytes() + b"{")
    assert rebuild_all(tmp_path) == Rebuilt(made=[run], damaged={run: 2})


def test_a_run_that_cannot_be_shown_stops_no_other(tmp_path):
    bad, good = write_run(tmp_path / "a"), write_run(tmp_path / "b")
    (bad / JOURNAL_FILE).rename(tmp_path / "elsewhere")
    (bad / JOURNAL_FILE).symlink_to(tmp_path / "elsewhere")
    before = event_files(bad)
    result = rebuild_all(tmp_path)
    assert (result.made, list(result.refused)) == ([good], [bad])
    assert event_files(bad) == before
