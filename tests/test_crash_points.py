"""Fast slices of the campaigns that kill a run at its system calls and fill its disk."""

from __future__ import annotations

from scripts.campaign_crash_points import crash
from scripts.campaign_disks import calls, download, event_files


def test_a_run_killed_at_a_call_loses_no_checkpoint_and_ends_the_same(tmp_path):
    faults = crash(tmp_path, stride=17)
    assert len(faults) > 10
    assert {where: fault for where, fault in faults.items() if fault is not None} == {}


def test_a_call_that_fails_is_told_and_the_run_ends_the_same_once_there_is_room(tmp_path):
    good, tried = calls(tmp_path, stride=23)
    assert good == tried > 10


def test_tensorboard_without_room_does_not_stop_a_run(tmp_path):
    good, tried = event_files(tmp_path)
    assert good == tried > 5


def test_a_set_that_could_not_be_kept_whole_is_not_taken_for_it(tmp_path):
    good, tried = download(tmp_path, stride=7)
    assert good == tried > 10
