"""Runs that could not write down how they ended: whoever watched them writes it for them."""

from __future__ import annotations

from pathlib import Path

from clipbench.records.lock import is_held
from clipbench.records.run_dir import RUN_FILE, RunDirectory, read_run
from clipbench.records.sweep_file import PlannedJob

NOT_STARTED = "not started"


def record_lost(job: PlannedJob, sweep: Path, *, cause: str) -> None:
    """Record as failed every run of a job that has not ended, also one that never began.

    What a run has written of its own end stays as it is.
    """
    for seed, place in job.runs().items():
        path = sweep / place
        if not (path / RUN_FILE).exists():
            run = RunDirectory.create(
                path,
                config=job.config_of(seed),
                device=job.config["trainer"]["device"],
                threads=0,
                stack=1,
                data={},
                overrides=job.overrides,
            )
        elif read_run(path)["status"] == "running":
            run = RunDirectory.reopen(path)
        else:
            continue
        run.finish("failed", results={}, cause=cause)


def record_stopped(job: PlannedJob, sweep: Path, *, cause: str) -> None:
    """Record why the runs of a job that was stopped on purpose have no result.

    A run that never began leaves no record, and one that has ended by itself keeps its own.
    """
    for path in (sweep / place for place in job.runs().values()):
        known = (path / RUN_FILE).exists()
        if known and read_run(path)["status"] in ("running", "interrupted"):
            RunDirectory.reopen(path).finish("interrupted", results={}, cause=cause)


def record_stale(jobs: list[PlannedJob], sweep: Path) -> None:
    """Record as interrupted every run that stands as running though nobody runs it."""
    for path in (sweep / place for job in jobs for place in job.runs().values()):
        known = (path / RUN_FILE).exists() and not is_held(path)
        if known and read_run(path)["status"] == "running":
            RunDirectory.reopen(path).finish(
                "interrupted", results={}, cause="the sweep was stopped"
            )


def statuses(job: PlannedJob, sweep: Path) -> dict[int, str]:
    """Return how each run of a job stands by its seed; ``not started`` where it left no record."""
    found: dict[int, str] = {}
    for seed, place in job.runs().items():
        path = sweep / place
        found[seed] = read_run(path)["status"] if (path / RUN_FILE).exists() else NOT_STARTED
    return found
