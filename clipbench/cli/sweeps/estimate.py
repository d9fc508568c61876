"""About how long a sweep will take and how much disk: two epochs of its first job, measured."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clipbench.cli.sweeps.attempt import run_isolated
from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.run_dir import RUN_FILE, read_run
from clipbench.records.sweep_file import PlannedJob

EPOCHS = 2
"""The first epoch pays for warming up; the last one counts, as results hold it."""

_ONE_TRY: dict[str, Any] = {
    "retries": 0,
    "rerun": [],
    "fail_fast": False,
    "jobs_at_once": None,
    "jobs_per_gpu": 1,
}


@dataclass(frozen=True)
class Cost:
    """What runs are expected to take: seconds one after the other, and bytes on the disk."""

    seconds: float
    bytes: int


def estimate(jobs: Sequence[PlannedJob], *, timeout: float | None) -> Cost | None:
    """Extrapolate from a short run of the first job to all jobs; None if that run fails.

    The first job stands for all: a clip that costs more, or a run that diverges, is not foreseen.

    Args:
        jobs: What is to do.
        timeout: Seconds that the short run may take, as any job of the sweep; None for ever.
    """
    folder = Path(tempfile.mkdtemp(prefix="clipbench-"))
    try:
        return _extrapolated(jobs, folder, timeout=timeout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _extrapolated(
    jobs: Sequence[PlannedJob], folder: Path, *, timeout: float | None
) -> Cost | None:
    config = {**jobs[0].config, "num_seeds": 1}
    config["trainer"] = {**config["trainer"], "epochs": EPOCHS}
    trial = replace(jobs[0], folder="trial", config=config, seeds=jobs[0].seeds[:1])
    run_isolated(trial, folder, settings={**_ONE_TRY, "timeout": timeout})
    path = folder / trial.folder
    if not (path / RUN_FILE).exists() or read_run(path)["status"] != "finished":
        return None
    results = read_run(path)["results"]
    epoch = results["seconds/train"] + results["seconds/validation"]
    fixed = results["seconds/total"] - EPOCHS * epoch
    everything = _size(path, "*")
    records = _size(path, JOURNAL_FILE) + _size(path, "events.out.tfevents.*")
    seconds, total = 0.0, 0
    for job in jobs:
        epochs, runs = job.config["trainer"]["epochs"], len(job.seeds)
        seconds += runs * (fixed + epochs * epoch)
        total += runs * (everything + records * (epochs - EPOCHS) // EPOCHS)
    return Cost(seconds, total)


def _size(folder: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in folder.rglob(pattern) if file.is_file())
