"""One row a configuration over several data sets (or models): interquartile means, bootstrapped.

A configuration is the same on two data sets if it has the same clip, where no data set has two of
that clip (each may then have its own learning rate), and else if it has the same label.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from clipbench.analysis.across_data import bootstrap, interquartile_mean
from clipbench.analysis.arms import Arm
from clipbench.analysis.cells import mean_cell, nothing
from clipbench.analysis.comparison import Comparison
from clipbench.analysis.lost import arms_of
from clipbench.analysis.metrics import number, title, unit
from clipbench.analysis.statistics import Estimate
from clipbench.analysis.tables import Cell, Column, Row, Table

Strata = list[NDArray[np.floating]]


@dataclass(frozen=True)
class Across:
    """One configuration on every data set.

    Attributes:
        label: What it is called in all of them.
        clip: Its clip.
        scores: Its numbers on each data set.
        differences: Its paired differences to the reference on each; empty for the reference.
    """

    label: str
    clip: str
    scores: Strata
    differences: Strata


def across(comparisons: Sequence[Comparison]) -> tuple[list[Across], list[str]]:
    """Gather what stands in every comparison, and name what does not.

    Returns:
        The configurations with a number (and, but for the reference, a pair) on every data set, and
        a sentence that names the others. Both are empty for fewer than two comparisons.
    """
    if len(comparisons) < 2:
        return [], []
    named = [_named(comparison, by_clip=_one_a_clip(comparisons)) for comparison in comparisons]
    labels = list(dict.fromkeys(label for arms in named for label in arms))
    gathered = {label: _gather(label, comparisons, named) for label in labels}
    found = [one for one in gathered.values() if one is not None]
    left_out = "; ".join(label for label, one in gathered.items() if one is None)
    return found, [
        f"Left out, for want of a number on every data set: {left_out}"
    ] if left_out else []


def across_table(found: Sequence[Across], *, metric: str, notes: Sequence[str] = ()) -> Table:
    """Make the table over all data sets."""
    points = f", {unit(metric)}" if unit(metric) else ""
    columns = [
        Column("sets", "data sets", "Data sets (and models) it was trained on."),
        Column("scores", "runs", "Numbers that count."),
        Column("iqm", f"IQM {title(metric)}", "Mean of the middle half of all its numbers."),
        Column(
            "iqm_difference",
            f"IQM difference{points}",
            "Mean of the middle half of its paired differences to the reference.",
        ),
    ]
    write = partial(number, metric)
    rows = []
    for one in found:
        scores = sum(stratum.size for stratum in one.scores)
        cells = {
            "sets": Cell(str(len(one.scores)), values=(("", len(one.scores)),)),
            "scores": Cell(str(scores), values=(("", scores),)),
            "iqm": mean_cell(resampled(one.scores), write),
            "iqm_difference": mean_cell(resampled(one.differences), write, signed=True)
            if one.differences
            else nothing("reference"),
        }
        rows.append(Row(one.label, one.clip, cells))
    return Table("all data sets together", columns, rows, notes)


def resampled(strata: Strata) -> Estimate:
    """Give the interquartile mean with its stratified bootstrap interval.

    Where no data set has two numbers there is nothing to draw from, and no interval.
    """
    low, high = bootstrap(strata, statistic=interquartile_mean)
    size = sum(stratum.size for stratum in strata)
    if all(stratum.size < 2 for stratum in strata):
        low = high = np.array(math.nan)
    return Estimate(size, interquartile_mean(strata), math.nan, float(low), float(high))


def _one_a_clip(comparisons: Sequence[Comparison]) -> bool:
    counts = [Counter(arm.clip for arm in arms_of(comparison)) for comparison in comparisons]
    return all(count == 1 for counted in counts for count in counted.values())


def _named(comparison: Comparison, *, by_clip: bool) -> dict[str, Arm]:
    return {arm.clip if by_clip else arm.label: arm for arm in arms_of(comparison)}


def _gather(
    label: str, comparisons: Sequence[Comparison], named: Sequence[Mapping[str, Arm]]
) -> Across | None:
    arms = [held[label] for held in named if label in held]
    if len(arms) < len(comparisons) or not all(arm.values for arm in arms):
        return None
    scores = [np.array(list(arm.values.values())) for arm in arms]
    pairs = [
        row.pairs.differences
        for comparison, arm in zip(comparisons, arms, strict=True)
        for row in comparison.rows
        if row.arm is arm
    ]
    if len(pairs) == 0:  # the reference everywhere
        return Across(label, arms[0].clip, scores, [])
    if len(pairs) < len(comparisons) or not all(pairs):
        return None
    return Across(label, arms[0].clip, scores, [np.array(list(held.values())) for held in pairs])
