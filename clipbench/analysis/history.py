"""What a journal tells of the way of a run: one series for each tag that a report looks at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clipbench.analysis.load import Run
from clipbench.records.reading import RunError
from clipbench.records.scalars import Sample

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
            found.unread[run.path] = f"damaged lines: {history.damaged}"
        found.by_path[run.path] = history
    return found


def read_history(run: Run) -> History:
    """Read the wanted series of one run.

    Raises:
        RunError: It has no journal.
    """
    samples, damaged = run.scalars()
    return History(_series(samples), damaged)


def _series(samples: Sequence[Sample]) -> dict[str, Series]:
    """Sort the samples into series.

    Most records hold the same tags as many others, so those are read as one matrix: a thousand
    journals are read twice as fast that way as tag by tag.
    """
    alike: dict[tuple[str, ...], list[int]] = {}
    for place, sample in enumerate(samples):
        alike.setdefault(tuple(sample.scalars), []).append(place)
    steps = np.array([sample.step for sample in samples])
    pieces: dict[str, list[tuple[NDArray[np.integer], NDArray[np.floating]]]] = {}
    for tags, held in alike.items():
        wanted = [column for column, tag in enumerate(tags) if tag.startswith(WANTED)]
        if wanted:
            places = np.array(held)
            matrix = np.array([list(samples[place].scalars.values()) for place in held])
            for column in wanted:
                pieces.setdefault(tags[column], []).append((places, matrix[:, column]))
    return {tag: _joined(parts, steps) for tag, parts in pieces.items()}


def _joined(
    parts: Sequence[tuple[NDArray[np.integer], NDArray[np.floating]]], steps: NDArray[np.integer]
) -> Series:
    """Put the values of one tag back into the order of the journal."""
    if len(parts) == 1:
        places, values = parts[0]
    else:
        places, values = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(places)
        places, values = places[order], values[order]
    return Series(steps[places], values)
