"""What a sweep says before it starts: its jobs, about how long, about how much disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipbench.cli.compose import Refused
from clipbench.records.sweep_file import PlannedJob


def listed(jobs: Sequence[PlannedJob], refused: Sequence[Refused], folder: Path) -> str:
    """List every job: done, to do, or refused with the reasons."""
    lines = [_counted(jobs, refused, folder)]
    lines += [f"  {'done' if job.done else 'to do':<8}{job.folder}{_seeds(job)}" for job in jobs]
    return "\n".join([*lines, *_named(refused)])


def announced(jobs: Sequence[PlannedJob], refused: Sequence[Refused], folder: Path) -> str:
    """Say in a line what starts now, and name what cannot run."""
    return "\n".join([_counted(jobs, refused, folder), *_named(refused)])


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
