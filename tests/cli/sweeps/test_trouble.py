"""A fast slice of `scripts/campaign_sweeps.py`: trouble costs the job that makes it, no other."""

import os
import signal
import subprocess
import time

import pytest

from clipbench.cli.sweeps.child import LOG_FILE
from clipbench.records.sweep_file import read_sweep
from tests.cli.sweeps.trouble import (
    arrange,
    command,
    environment,
    manifests,
    marked,
    statuses,
    sweep,
)

KINDS = ("hang", "none", "exit", "sigkill", "exception", "none")
CAUSES = {"0": "sweep.timeout", "2": "3", "3": "SIGKILL", "4": "trouble in the clip"}


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    arrange(folder, *KINDS)
    done = sweep(folder, len(KINDS), "sweep.timeout=20")
    return folder, done, manifests(folder)


def test_good_jobs_are_kept_and_bad_ones_recorded(troubled):
    folder, done, _ = troubled
    assert done.returncode == 1, done.stderr
    wanted = ["finished" if kind == "none" else "failed" for kind in KINDS]
    assert statuses(folder) == wanted, done.stderr
    assert not marked(folder)


def test_torch_is_imported_once_for_all_jobs_of_a_worker(troubled):
    folder, _, _ = troubled
    parents = {(folder / f"parent={number}").read_text() for number in range(len(KINDS))}
    assert len(parents) == 1, "all are children of one fork server"


def test_every_failure_is_named_with_its_cause_and_its_log(troubled):
    folder, done, found = troubled
    named = done.stdout.rpartition("gave no number")[2]
    for number, cause in CAUSES.items():
        assert cause in (found[number]["cause"] or "")
        (line,) = [line for line in named.splitlines() if f"clip.number={number}/" in line]
        assert cause in line
    assert LOG_FILE in done.stderr
    assert (
        "LookupError"
        in next((folder / "outputs/s").rglob(f"*number=4/seed=0/{LOG_FILE}")).read_text()
    )


def test_the_table_stands_at_the_end_all_the_same(troubled):
    _, done, _ = troubled
    assert "trouble" in done.stdout


def test_tensorboard_gets_the_means_over_seeds(troubled):
    folder, _, _ = troubled
    means = {path.parent.name for path in (folder / "outputs/s/_summary").rglob("events.*")}
    assert {f"experiment=smoke,clip=trouble,clip.number={n}" for n in (1, 5)} <= means


def test_a_second_start_runs_just_what_has_no_result(troubled):
    folder, _, before = troubled
    (folder / "trouble").unlink()
    listing = sweep(folder, len(KINDS), "--dry-run").stdout.splitlines()
    assert [line.split()[0] for line in listing[1:]].count("done") == 2
    again = sweep(folder, len(KINDS))
    assert again.returncode == 0, again.stderr
    assert statuses(folder) == ["finished"] * len(KINDS)
    after = manifests(folder)
    same = [number for number in after if after[number]["times"] == before[number]["times"]]
    assert same == ["1", "5"]
    assert [job.done for job in read_sweep(folder / "outputs/s").jobs] == [
        kind == "none" for kind in KINDS
    ]


def test_a_retry_helps_a_job_that_fails_once(tmp_path):
    arrange(tmp_path, "none", "once")
    done = sweep(tmp_path, 2, "sweep.retries=1")
    assert (done.returncode, statuses(tmp_path)) == (0, ["finished"] * 2)
    (log,) = (tmp_path / "outputs/s").rglob(f"*number=1/seed=0/{LOG_FILE}")
    assert "LookupError" in log.read_text(), "the first attempt is kept"


def test_fail_fast_starts_no_more_jobs(tmp_path):
    arrange(tmp_path, "none", "exception", "none", "none")
    done = sweep(tmp_path, 4, "sweep.fail_fast=true")
    assert done.returncode == 1
    assert statuses(tmp_path) == ["finished", "failed"]
    assert done.stdout.count("  never started  outputs") == 2


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_other_launchers_isolate_jobs_too(tmp_path, launcher):
    arrange(tmp_path, "sigkill", "none", "exit")
    done = sweep(tmp_path, 3, f"hydra/launcher={launcher}")
    assert done.returncode == 1
    assert statuses(tmp_path) == ["failed", "finished", "failed"], done.stderr
    assert manifests(tmp_path)["1"]["threads"] == 1


def test_another_launcher_goes_on_where_one_stopped(troubled):
    folder, _, _ = troubled
    listing = sweep(folder, len(KINDS), "hydra/launcher=joblib", "--dry-run").stdout
    assert listing == sweep(folder, len(KINDS), "--dry-run").stdout


def started(folder, *words):
    """Start a sweep whose second job hangs, and wait until it does."""
    arrange(folder, "none", "hang", "none")
    process = subprocess.Popen(
        command(3, *words),
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while "1" not in manifests(folder):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.1)
    return process


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_stopped_sweep_shows_its_table_and_leaves_nobody(tmp_path, number, code):
    process = started(tmp_path)
    os.kill(process.pid, number)
    out, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "trouble" in out
    assert "interrupted" in out
    assert "Traceback" not in said
    assert statuses(tmp_path) == ["finished", "interrupted"]
    assert not marked(tmp_path)


def test_a_killed_driver_leaves_nobody_and_loses_nothing(tmp_path):
    process = started(tmp_path, "hydra/launcher=joblib")
    before = manifests(tmp_path)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while marked(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not marked(tmp_path)
    (tmp_path / "trouble").unlink()
    assert sweep(tmp_path, 3).returncode == 0, "under another launcher too"
    after = manifests(tmp_path)
    ended = [n for n, run in before.items() if run["status"] == "finished"]
    assert all(after[number]["times"] == before[number]["times"] for number in ended)
    assert statuses(tmp_path) == ["finished"] * 3


def test_a_second_driver_is_told_who_drives(tmp_path):
    process = started(tmp_path)
    try:
        other = sweep(tmp_path, 3)
        assert other.returncode == 75
        assert str(process.pid) in other.stderr
    finally:
        process.terminate()
        process.communicate(timeout=60)
