"""The saved predictions of a comparison, image by image: McNemar's votes for every row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clipbench.analysis.arms import Arm
from clipbench.analysis.comparison import Comparison, Row
from clipbench.analysis.mcnemar import Disagreement, disagreement
from clipbench.analysis.predictions import Predictions
from clipbench.records.reading import RunError


@dataclass(frozen=True)
class Disagreements:
    """By label of a row its disagreement with the reference, and why others have none."""

    by_label: dict[str, Disagreement]
    notes: list[str]


def disagreements(comparison: Comparison) -> Disagreements:
    """Read the predictions of every pair of runs and compare them; the reference's once.

    A run without readable predictions is left out of its row and named.
    """
    found = Disagreements({}, [])
    base = _predictions(comparison.reference, _all_seeds(comparison.rows), found.notes)
    for row in comparison.rows:
        own = _predictions(row.arm, row.pairs.differences, found.notes)
        try:
            found.by_label[row.arm.label] = disagreement(own, base)
        except ValueError as error:
            found.notes.append(f"McNemar's test leaves out {row.arm.label}: {error}.")
    return found


def _all_seeds(rows: Iterable[Row]) -> list[int]:
    return sorted({seed for row in rows for seed in row.pairs.differences})


def _predictions(arm: Arm, seeds: Iterable[int], notes: list[str]) -> dict[int, Predictions]:
    read: dict[int, Predictions] = {}
    unread: dict[str, list[str]] = {}
    for seed in seeds:
        try:
            read[seed] = arm.runs[seed].predictions()
        except RunError as error:
            unread.setdefault(str(error).partition("\n")[0], []).append(str(seed))
    for why, missing in unread.items():
        notes.append(f"McNemar's test leaves out seed {', '.join(missing)} of {arm.label}: {why}")
    return read
