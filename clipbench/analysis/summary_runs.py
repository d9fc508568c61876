"""Means over seeds for TensorBoard: a run of their own for each configuration of a sweep.

``SWEEP/_summary/CONFIGURATION`` holds an event file with the mean over seeds of accuracy, loss,
sparsity, saturation and every threshold, and the ends of its 95 % t-interval, step by step. It has
no manifest, so that nobody takes it for a run. Seeds are told by their folder, ``seed=N``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from clipbench.analysis.load import Run, load_runs
from clipbench.analysis.seed_curves import Seed, counted, mean_curve, read_seeds, tags_with_mean
from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.layout import (
    SUMMARY,
    Layout,
    interval_tags,
    layout_record,
    summary_layout,
)
from clipbench.records.reading import RunError
from clipbench.records.run_dir import RUN_FILE
from clipbench.records.tensorboard import EVENT_FILES, TensorBoardWriter


def write_summaries(folder: Path) -> list[Path]:
    """Write the means over seeds of every sweep at or below a folder, in place of those before.

    Returns:
        The folders of the summary runs.

    Raises:
        RunError: There is no such folder, or a link stands where a summary should be.
        OSError: A summary cannot be written; what was there is still there.
    """
    sweeps = _sweeps(folder).items()
    return [place for sweep, members in sweeps for place in _write_sweep(sweep, members)]


def refresh_summaries(folder: Path) -> None:
    """Write the means over seeds of the sweeps in which anything is newer than they are.

    Raises:
        RunError: As for `write_summaries`.
        OSError: The same.
    """
    for sweep, configurations in _sweeps(folder).items():
        if _is_outdated(sweep, configurations):
            _write_sweep(sweep, configurations)


def _write_sweep(sweep: Path, configurations: Mapping[str, Sequence[Run]]) -> list[Path]:
    read = {name: read_seeds(members) for name, members in configurations.items()}
    found = {name: seeds for name, seeds in read.items() if seeds}
    tags = tags_with_mean(seed for seeds in found.values() for seed in seeds)
    of_runs = {tag for seeds in found.values() for seed in seeds for tag in seed.tags}
    layout = summary_layout(tags, of_runs=sorted(of_runs))
    for name, seeds in found.items():
        place = sweep / SUMMARY / name
        _make(place)
        text = _who_counts(configurations[name], len(seeds))
        _write(place, seeds, tags=tags, layout=layout, text=text)
    _remove_others(sweep / SUMMARY, keep=found.keys())
    return [sweep / SUMMARY / name for name in found]


def _is_outdated(sweep: Path, configurations: Mapping[str, Sequence[Run]]) -> bool:
    """Tell whether a run is newer than the summary of its configuration, or has none."""
    for name, members in configurations.items():
        if not counted(members):
            continue
        written = max(map(_written_at, (sweep / SUMMARY / name).glob(EVENT_FILES)), default=0)
        files = [run.path / file for run in members for file in (RUN_FILE, JOURNAL_FILE)]
        if max(map(_written_at, files)) >= written:
            return True
    return False


def _written_at(file: Path) -> int:
    """Return when a file was written last; 0 if it is gone, as a run may begin anew just now."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


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


def _write(
    place: Path, seeds: Sequence[Seed], *, tags: Iterable[str], layout: Layout, text: str
) -> None:
    with TensorBoardWriter(place, hidden=True) as writer:
        writer.write(0, [layout_record(layout)])
        writer.text(0, "seeds", text)
        points: dict[int, dict[str, float]] = {}
        for tag in tags:
            for step, values in mean_curve(seeds, tag):
                named = dict(zip(interval_tags(tag), values, strict=True))
                points.setdefault(step, {}).update(named)
        for step in sorted(points):
            writer.scalars(step, points[step])
        writer.publish()


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
