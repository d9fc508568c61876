"""What a journal tells of the way of a run: one series for each tag that a report looks at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clipbench.analysis.load import Run
from clipbench.records.reading import RunError

WANTED = (
    "threshold/",
    "activation_quantile/",
    "grad_norm/total",
    "seconds/train",
    "train/loss",
    "val/loss",
)


@dataclass(frozen=True, eq=False)
class Series:
    """The values of one tag over the steps, both ``(T,)`` in the order of the journal."""

    steps: NDArray[np.integer]
    values: NDArray[np.floating]


@dataclass(frozen=True)
class History:
    """The series of one run by tag, and the number of damaged lines in its journal."""

    series: dict[str, Series]
    damaged: int = 0

    def values(self, tag: str) -> NDArray[np.floating]:
        """Give the values of a tag; none where the journal has none."""
        return self.series[tag].values if tag in self.series else np.zeros(0)


@dataclass(frozen=True)
class Histories:
    """The history of each run by its folder, and what could not be read, with the reason."""

    by_path: dict[Path, History]
    unread: dict[Path, str]

    @property
    def notes(self) -> list[str]:
        """Say in one sentence what could not be read."""
        if not self.unread:
            return []
        path, why = next(iter(self.unread.items()))
        more = f", and {len(self.unread) - 1} more" if len(self.unread) > 1 else ""
        return [f"Curves lack what this journal should hold: {path} ({why}){more}"]


def read_histories(runs: Iterable[Run]) -> Histories:
    """Read each run's journal once; a missing or damaged one is named."""
    found = Histories({}, {})
    for run in runs:
        try:
            history = read_history(run)
        except RunError as error:
            found.unread[run.path] = str(error).partition("\n")[0]
            history = History({})
        if history.damaged > 0:
            found.unread[run.path] = f"{history.damaged} damaged lines"
        found.by_path[run.path] = history
    return found


def read_history(run: Run) -> History:
    """Read the wanted series of one run.

    Raises:
        RunError: It has no journal.
    """
    samples, damaged = run.scalars()
    steps: dict[str, list[int]] = {}
    values: dict[str, list[float]] = {}
    for step, _, scalars in samples:
        for tag, value in scalars.items():
            if tag.startswith(WANTED):
                if tag not in steps:
                    steps[tag], values[tag] = [], []
                steps[tag].append(step)
                values[tag].append(value)
    series = {tag: Series(np.array(steps[tag]), np.array(values[tag])) for tag in steps}
    return History(series, damaged)
