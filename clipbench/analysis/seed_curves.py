"""The curves of a configuration's seeds, and their mean with its 95 % t-interval step by step.

Runs that have finished count; where none has, those that are running, as far as all have come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from scipy import special

from clipbench.analysis.load import Run
from clipbench.records.curve import one_curve
from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.reading import RunError
from clipbench.records.scalars import read_scalars
from clipbench.records.threshold_tags import typical

MEASURES = ("val/accuracy", "val/loss", "sparsity/mean", "saturation/mean")
MOST_POINTS = 200
_CONFIDENCE = 0.95


class Seed(NamedTuple):
    """What is read of a run: by tag and step the curves that get a mean, and all its tags."""

    curves: dict[str, dict[int, float]]
    tags: set[str]


def counted(members: Sequence[Run]) -> list[Run]:
    """Return the runs of a configuration that count."""
    for status in ("finished", "running"):
        found = [run for run in members if run.status == status]
        if found:
            return found
    return []


def read_seeds(members: Sequence[Run]) -> list[Seed]:
    """Read the runs of a configuration that count and have recorded anything."""
    seeds = []
    for run in counted(members):
        try:
            samples, _ = read_scalars(run.path / JOURNAL_FILE)
        except RunError:
            continue
        seed = Seed({}, set())
        for sample in one_curve(samples, step=attrgetter("step")):
            seed.tags.update(sample.scalars)
            for tag, value in sample.scalars.items():
                if tag in MEASURES or typical(tag):
                    seed.curves.setdefault(tag, {})[sample.step] = value
        if seed.curves:
            seeds.append(seed)
    return seeds


def tags_with_mean(seeds: Iterable[Seed]) -> list[str]:
    """Return the tags that get a mean: what is measured of every clip, then the thresholds."""
    seen = dict.fromkeys(tag for seed in seeds for tag in seed.curves)
    return [*(tag for tag in MEASURES if tag in seen), *(tag for tag in seen if typical(tag))]


def mean_curve(seeds: Sequence[Seed], tag: str) -> Iterator[tuple[int, list[float]]]:
    """Give mean, low and high end at each step that all seeds have, thinned to `MOST_POINTS`."""
    curves = [seed.curves.get(tag, {}) for seed in seeds]
    steps = sorted(set.intersection(*map(set, curves)))
    if len(steps) > MOST_POINTS:
        places = np.linspace(0, len(steps) - 1, MOST_POINTS).round().astype(int)
        steps = [steps[place] for place in places]
    if steps:
        table = intervals(np.array([[curve[step] for step in steps] for curve in curves]))
        yield from zip(steps, table.T.tolist(), strict=True)


def intervals(values: np.ndarray) -> np.ndarray:
    """Give mean, low and high end of the t-interval of each column: ``(3, steps)``.

    Where there is no interval, of one seed or of values that are all equal, both ends are the mean.

    Args:
        values: ``(seeds, steps)``.
    """
    seeds = len(values)
    mean = values.mean(axis=0)
    if seeds == 1:
        return np.stack([mean, mean, mean])
    factor = special.stdtrit(seeds - 1, (1 + _CONFIDENCE) / 2) / np.sqrt(seeds)
    reach = factor * values.std(axis=0, ddof=1)
    return np.stack([mean, mean - reach, mean + reach])
