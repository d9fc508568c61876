"""How a sweep ended: the table, every job that failed with its cause, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from clipbench.cli.compose import Refused
from clipbench.cli.errors import DIVERGED, DONE, SOME_FAILED
from clipbench.cli.sweeps.child import LOG_FILE
from clipbench.cli.sweeps.lost import statuses
from clipbench.records.run_dir import RUN_FILE, read_run
from clipbench.records.sweep_file import PlannedJob


def ending(jobs: Sequence[PlannedJob], refused: Sequence[Refused], folder: Path) -> int:
    """Return the exit code: 1 where a job has no result, else 5 where a run diverged, else 0."""
    found = [status for job in jobs for status in statuses(job, folder).values()]
    if refused or any(status not in ("finished", "diverged") for status in found):
        return SOME_FAILED
    return DIVERGED if "diverged" in found else DONE


def show_end(jobs: Sequence[PlannedJob], refused: Sequence[Refused], folder: Path) -> None:
    """Print the comparison on stdout, and on stderr everything that has no result, with causes."""
    lost = [line for job in jobs for line in _lost(job, folder)]
    lost += [f"  refused     {' '.join(job.overrides)}: {job.faults[0]}" for job in refused]
    if lost:
        print(f"\n{len(lost)} without a result:", *lost, sep="\n", file=sys.stderr)


def _lost(job: PlannedJob, folder: Path) -> list[str]:
    lines = []
    for seed, status in statuses(job, folder).items():
        if status in ("finished", "diverged"):
            continue
        place = job.runs()[seed]
        cause = ""
        if (folder / place / RUN_FILE).exists():
            cause = (read_run(folder / place)["cause"] or "").partition("\n")[0]
            cause = f": {cause} ({folder / job.folder / LOG_FILE})"
        lines.append(f"  {status:<12}{place}{cause}")
    return lines
