"""Seeds of a job in several processes: the same runs, ended by the same signals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest
import torch

from clipbench.cli.main import main
from clipbench.records.lock import holder, is_held
from clipbench.records.run_dir import read_run
from clipbench.training import stack_rule
from tests.cli.test_stacks import SMALL, journal

WORDS = ["train", *SMALL, "num_seeds=4"]
SEEDS = range(4)


@pytest.fixture
def two_threads(monkeypatch):
    monkeypatch.setattr(stack_rule, "WORTH_A_PROCESS", 0)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def runs(folder):
    return [folder / f"seed={seed}" for seed in SEEDS]


def test_the_runs_are_those_of_one_process(tmp_path, two_threads, capfd):
    apart, together = tmp_path / "apart", tmp_path / "together"
    assert main([*WORDS, f"hydra.run.dir={apart}"]) == 0
    said = capfd.readouterr()
    assert "seed 0+1 epoch 2/2" in said.err
    assert "seed 2+3 epoch 2/2" in said.err
    assert "4 of 4 seeds finished" in said.out
    torch.set_num_threads(1)
    assert main([*WORDS, f"hydra.run.dir={together}", "trainer.stack=2"]) == 0
    for ours, theirs in zip(runs(apart), runs(together), strict=True):
        assert journal(ours) == journal(theirs)
        record = read_run(ours)
        assert (record["stack"], record["threads"]) == (2, 1)


def started(folder):
    words = [*WORDS, f"hydra.run.dir={folder}", "trainer.epochs=100000"]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-m", "clipbench.cli.main", *words]
    job = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    deadline = time.monotonic() + 120
    while not all(list(run.glob("checkpoints/*.pt")) for run in runs(folder)):
        assert job.poll() is None, job.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return job


def ends_within(seconds, folder):
    deadline = time.monotonic() + seconds
    while any(is_held(run) for run in runs(folder)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_a_signal_stops_all_processes_between_two_steps(tmp_path):
    job = started(tmp_path / "job")
    job.send_signal(signal.SIGTERM)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 143
    assert f"clipbench train resume={tmp_path / 'job'}" in said
    assert "Traceback" not in said
    assert {read_run(run)["status"] for run in runs(tmp_path / "job")} == {"interrupted"}


def test_no_process_outlives_a_job_that_was_killed(tmp_path):
    job = started(tmp_path / "job")
    job.kill()
    job.communicate()
    assert ends_within(20, tmp_path / "job")
    assert {read_run(run)["status"] for run in runs(tmp_path / "job")} == {"interrupted"}


def test_a_process_that_is_killed_is_recorded_as_failed(tmp_path):
    job = started(tmp_path / "job")
    victim = re.match(r"process (\d+) ", holder(tmp_path / "job" / "seed=0"))
    os.kill(int(victim[1]), signal.SIGKILL)
    deadline = time.monotonic() + 60
    while read_run(tmp_path / "job" / "seed=1")["status"] != "failed":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    job.send_signal(signal.SIGINT)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 1
    assert "killed by SIGKILL" in said
    found = [read_run(run) for run in runs(tmp_path / "job")]
    assert [run["status"] for run in found] == ["failed", "failed", "interrupted", "interrupted"]
