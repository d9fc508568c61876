"""Means over seeds for TensorBoard: a run of their own for each configuration of a sweep.

``SWEEP/_summary/CONFIGURATION`` holds an event file with the mean over seeds of accuracy, loss,
sparsity, saturation and every threshold, and the ends of its 95 % t-interval, step by step. It has
no manifest, so that nobody takes it for a run. Seeds are told by their folder, ``seed=N``.

Runs that have finished count; where none has, those that are running, as far as all have come.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import special

from clipbench.analysis.load import Run, load_runs
from clipbench.records.curve import one_curve
from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.layout import Layout, interval_tags, layout_record, summary_layout
from clipbench.records.reading import RunError
from clipbench.records.scalars import read_scalars
from clipbench.records.tensorboard import EVENT_FILES, TensorBoardWriter
from clipbench.records.threshold_tags import typical

SUMMARY = "_summary"
MEASURES = ("val/accuracy", "val/loss", "sparsity/mean", "saturation/mean")
MOST_POINTS = 200
_CONFIDENCE = 0.95

Curve = dict[int, float]


class Seed(NamedTuple):
    """What is read of a run: the curves that get a mean, by tag, and all its tags."""

    curves: dict[str, Curve]
    tags: set[str]


def write_summaries(folder: Path) -> list[Path]:
    """Write the means over seeds of every sweep at or below a folder, in place of those before.

    Returns:
        The folders of the summary runs.

    Raises:
        RunError: There is no such folder, or a link stands where a summary should be.
        OSError: A summary cannot be written; what was there is still there.
    """
    written = []
    for sweep, configurations in _sweeps(folder).items():
        read = {name: _read(members) for name, members in configurations.items()}
        counted = {name: seeds for name, seeds in read.items() if seeds}
        tags = _averaged(seed for seeds in counted.values() for seed in seeds)
        of_runs = {tag for seeds in counted.values() for seed in seeds for tag in seed.tags}
        layout = summary_layout(tags, of_runs=sorted(of_runs))
        for name, seeds in counted.items():
            place = sweep / SUMMARY / name
            _make(place)
            text = _who_counts(configurations[name], len(seeds))
            _write(place, seeds, tags=tags, layout=layout, text=text)
            written.append(place)
        _remove_others(sweep / SUMMARY, keep=counted.keys())
    return written


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


def _make(place: Path) -> None:
    for folder in (place.parent, place):
        if folder.is_symlink():
            raise RunError(
                "The folder of means over seeds is a link, which is not followed.",
                where=folder,
                remedy="Remove the link.",
            )
        folder.mkdir(exist_ok=True)


def _sweeps(folder: Path) -> dict[Path, dict[str, list[Run]]]:
    """Gather the runs by sweep and configuration, as their folders say."""
    found: dict[Path, dict[str, list[Run]]] = {}
    for run in load_runs([folder]):
        configuration = run.path.parent
        inside = run.path != folder and configuration != folder
        if run.seed is not None and run.path.name == f"seed={run.seed}" and inside:
            members = found.setdefault(configuration.parent, {})
            members.setdefault(configuration.name, []).append(run)
    return found


def _counted(members: Sequence[Run]) -> list[Run]:
    for status in ("finished", "running"):
        counted = [run for run in members if run.status == status]
        if counted:
            return counted
    return []


def _read(members: Sequence[Run]) -> list[Seed]:
    """Read the seeds that count and have recorded anything."""
    seeds = []
    for run in _counted(members):
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


def _averaged(seeds: Iterable[Seed]) -> list[str]:
    """Return the tags that get a mean: what is measured of every clip, then the thresholds."""
    seen = dict.fromkeys(tag for seed in seeds for tag in seed.curves)
    return [*(tag for tag in MEASURES if tag in seen), *(tag for tag in seen if typical(tag))]


def _write(
    place: Path, seeds: Sequence[Seed], *, tags: Iterable[str], layout: Layout, text: str
) -> None:
    with TensorBoardWriter(place, hidden=True) as writer:
        writer.write(0, [layout_record(layout)])
        writer.text(0, "seeds", text)
        points: dict[int, dict[str, float]] = {}
        for tag in tags:
            for step, values in _means([seed.curves.get(tag, {}) for seed in seeds]):
                named = dict(zip(interval_tags(tag), values, strict=True))
                points.setdefault(step, {}).update(named)
        for step in sorted(points):
            writer.scalars(step, points[step])
        writer.publish()


def _means(curves: Sequence[Curve]) -> Iterator[tuple[int, list[float]]]:
    """Give mean and interval at the steps that all seeds have, thinned to `MOST_POINTS`."""
    steps = sorted(set.intersection(*(set(curve) for curve in curves)))
    if len(steps) > MOST_POINTS:
        places = np.linspace(0, len(steps) - 1, MOST_POINTS).round().astype(int)
        steps = [steps[place] for place in places]
    if not steps:
        return
    table = intervals(np.array([[curve[step] for step in steps] for curve in curves]))
    yield from zip(steps, table.T.tolist(), strict=True)


def _who_counts(members: Sequence[Run], counted: int) -> str:
    lines = [f"Mean over {counted} seeds with its 95 % t-interval. The runs:", ""]
    lines += [f"- seed {run.seed}: {run.status}" for run in members]
    return "\n".join(lines)


def _remove_others(folder: Path, *, keep: Iterable[str]) -> None:
    """Remove summaries of configurations that are no more; only event files, only there."""
    for place in folder.glob("*") if folder.is_dir() else ():
        if place.name in keep or place.is_symlink() or not place.is_dir():
            continue
        for file in place.glob(EVENT_FILES):
            file.unlink(missing_ok=True)
        if not os.listdir(place):
            place.rmdir()
