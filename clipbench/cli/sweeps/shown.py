"""What a sweep says before it starts: its jobs, about how long, about how much disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipbench.cli.compose import Refused
from clipbench.cli.sweeps.estimate import Cost
from clipbench.records.sweep_file import PlannedJob


def listed(jobs: Sequence[PlannedJob], refused: Sequence[Refused], folder: Path) -> str:
    """List every job: done, to do, or refused with the reasons."""
    lines = [_counted(jobs, refused, folder)]
    lines += [f"  {'done' if job.done else 'to do':<8}{job.folder}{_seeds(job)}" for job in jobs]
    return "\n".join([*lines, *_named(refused)])


def announced(jobs: Sequence[PlannedJob], refused: Sequence[Refused], folder: Path) -> str:
    """Say in a line what starts now, and name what cannot run."""
    return "\n".join([_counted(jobs, refused, folder), *_named(refused)])


def expected(cost: Cost | None, *, at_once: int) -> str:
    """Say about how long the jobs to do will take, and how much disk.

    >>> expected(Cost(seconds=5400, bytes=3_000_000), at_once=2)
    'about 45 min at 2 jobs at a time, about 3 MB'
    """
    if cost is None:
        return "how long it takes is not known: a short run on trial failed"
    beside = f" at {at_once} jobs at a time" if at_once > 1 else ""
    return f"about {duration(cost.seconds / at_once)}{beside}, about {_size(cost.bytes)}"


def duration(seconds: float) -> str:
    """Write a time span in its largest fitting unit.

    >>> duration(42.4), duration(150), duration(9000)
    ('42 s', '2.5 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.2g} min" if seconds < 6000 else f"{seconds / 3600:.2g} h"


def _size(number: int) -> str:
    return f"{number / 1e6:.0f} MB" if number < 1e9 else f"{number / 1e9:.1f} GB"


def _counted(jobs: Sequence[PlannedJob], refused: Sequence[Refused], folder: Path) -> str:
    done = sum(job.done for job in jobs)
    runs = sum(len(job.seeds) for job in jobs)
    parts = [f"{len(jobs)} jobs" + (f" ({runs} runs)" if runs > len(jobs) else "")]
    parts += [f"{done} done"] if done else []
    parts += [f"{len(jobs) - done} to do"]
    parts += [f"{len(refused)} refused"] if refused else []
    return f"{', '.join(parts)}, results in {folder}"


def _named(refused: Sequence[Refused]) -> list[str]:
    return [f"  refused {' '.join(job.overrides)}: {'; '.join(job.faults)}" for job in refused]


def _seeds(job: PlannedJob) -> str:
    return f"  seeds {job.seeds[0]}-{job.seeds[-1]}" if len(job.seeds) > 1 else ""
