"""What gave no number, each with its cause: failed, diverged, unreadable, never started.

Beside them what a reader might take for one run too many: seeds that were run more than once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clipbench.analysis.arms import Arm
from clipbench.analysis.comparison import Comparison
from clipbench.analysis.load import UNREADABLE, Run

NEVER_STARTED = "never started"


@dataclass(frozen=True)
class Lost:
    """One run without a number.

    Attributes:
        label: Its configuration, as the table calls it or as the sweep does; empty if unknown.
        seed: Its seed; None if unknown.
        cause: How it stands, and why.
        path: Its folder.
    """

    label: str
    seed: int | None
    cause: str
    path: Path

    @property
    def who(self) -> str:
        """Name it."""
        seed = "" if self.seed is None else f"seed {self.seed}"
        return f"{self.label} {seed}".strip() or "a run"


def lost_runs(runs: Iterable[Run], comparisons: Sequence[Comparison]) -> list[Lost]:
    """Name every run that lowers some n, in the order of the table, then the unreadable ones."""
    several = len(comparisons) > 1
    named = [
        Lost(_label(arm, comparison, several), seed, cause, arm.runs[seed].path)
        for comparison in comparisons
        for arm in arms_of(comparison)
        for seed, cause in arm.lost.items()
    ]
    unreadable = [
        Lost("", run.seed, f"{run.status}: {run.cause}", run.path)
        for run in runs
        if run.status == UNREADABLE
    ]
    return named + unreadable


def repeated_runs(comparisons: Sequence[Comparison]) -> list[str]:
    """Say of every seed that was run more than once which run counts."""
    several = len(comparisons) > 1
    return [
        f"{_label(arm, comparison, several)} seed {seed} was run {count} times; "
        f"what counts is {arm.runs[seed].path}"
        for comparison in comparisons
        for arm in arms_of(comparison)
        for seed, count in arm.repeated.items()
    ]


def never_started(arm: Arm, unstarted: Iterable[Lost]) -> int:
    """Count the runs of an arm that were planned and never began: their folders are neighbours."""
    folders = {run.path.resolve().parent for run in arm.runs.values()}
    return sum(lost.path.resolve().parent in folders for lost in unstarted)


def arms_of(comparison: Comparison) -> list[Arm]:
    """Give all arms of a comparison, the reference first; without one that has no run at all."""
    arms = [comparison.reference, *(row.arm for row in comparison.rows)]
    return [arm for arm in arms if arm.runs]


def _label(arm: Arm, comparison: Comparison, several: bool) -> str:
    return f"{', '.join(comparison.block)}: {arm.label}" if several else arm.label
