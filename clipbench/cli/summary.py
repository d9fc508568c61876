"""What a person sees when a run, or a job of several seeds, has ended."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from clipbench.audit.run import why_still
from clipbench.records.journal import JOURNAL_FILE, read
from clipbench.records.reading import RunError
from clipbench.records.run_dir import RUN_FILE, Manifest, read_run
from clipbench.training.checkpoint import build_model
from clipbench.training.precision import bf16_pays

MAX_SITES = 8


def show_run(path: Path, *, trust: Sequence[str] = ()) -> None:
    """Print the summary of a finished run: one screen, ending in the next command to type.

    Args:
        path: The run directory.
        trust: Packages besides clipbench whose classes the run may name.
    """
    record = read_run(path)
    results = record["results"]
    config = record["config"]
    tag, typed = "sparsity/mean", shlex.quote(str(path))
    zeros = (
        [f"sparsity       {percent(results[tag])} zeros, mean of sites"] if tag in results else []
    )
    lines = [
        "",
        f"test accuracy  {percent(results['test/accuracy'])}"
        f"   validation {percent(results['val/accuracy'])}",
        *zeros,
        *threshold_lines(path, results, trust=trust),
        f"time           {results['seconds/total']:.1f} s"
        f", {results['speed/images_per_second']:,.0f} images/s in training",
        *precision_lines(record, trust=trust),
        f"results        {path}",
        f"next           clipbench eval {typed}",
        f"               clipbench rerun {typed} seed={config['seed'] + 1}",
        f"               clipbench tb {typed}",
    ]
    print("\n".join(lines))


def show_line(path: Path) -> None:
    """Print one line for a finished run of a sweep or of a job of several seeds."""
    results = read_run(path)["results"]
    print(f"test accuracy {percent(results['test/accuracy'])}  {path}")


def threshold_lines(
    path: Path, results: Mapping[str, float], *, trust: Sequence[str] = ()
) -> list[str]:
    """Return one line a threshold: where it started, where it ended, and why it did not move.

    A run of fixed clips without thresholds gives none.
    """
    tags = [tag for tag in results if tag.startswith("threshold/")]
    if not tags:
        return []
    start = _first_values(path, tags)
    shown = tags[: 3 * MAX_SITES]
    moved = {_threshold_of(tag) for tag in tags if results[tag] != start.get(tag)}
    still = [tag for tag in shown if _threshold_of(tag) not in moved]
    remarks = _remarks(path, still, trust=trust)
    lines = []
    for position, tag in enumerate(shown):
        head = "thresholds" if position == 0 else ""
        name = tag.removeprefix("threshold/")
        course = f"{start[tag]:.4f} -> {results[tag]:.4f}"
        lines.append(f"{head:<14} {name:<24} {course}{remarks.get(tag, '')}")
    if len(tags) > len(shown):
        lines.append(f"{'':<14} and {len(tags) - len(shown)} more in {path / RUN_FILE}")
    return lines


def precision_lines(record: Manifest, *, trust: Sequence[str] = ()) -> list[str]:
    """Return a line where another precision would have made the run shorter on its device."""
    config, device = record["config"], torch.device(record.get("device", "cpu"))
    if config["trainer"]["precision"] == "bf16":
        return []
    shape, seed = record["data"]["shape"], record["seed"]
    model = build_model(config, shape=shape, seed=seed, trust=trust)
    if not bf16_pays(model, device):
        return []
    return ["precision      trainer.precision=bf16 makes such steps shorter on this machine"]


def show_seeds(paths: Sequence[Path]) -> None:
    """Print mean and standard deviation over the seeds of a job; a diverged seed lowers n."""
    records = [read_run(path) for path in paths]
    finished = [record["results"] for record in records if record["status"] == "finished"]
    print(f"\n{len(finished)} of {len(records)} seeds finished in {paths[0].parent}")
    for record in records:
        if record["status"] != "finished":
            print(f"  seed {record['seed']}: {record['status']}: {record['cause']}")
    for tag in ("test/accuracy", "val/accuracy", "sparsity/mean"):
        values = [results[tag] for results in finished if tag in results]
        if values:
            print(f"  {tag:<16}{mean_and_deviation(values)}")


def mean_and_deviation(values: Sequence[float]) -> str:
    """Return ``mean ± sd (n)`` in percent; one value has no deviation and none is shown.

    >>> mean_and_deviation([0.9, 0.92])
    '91.00 ± 1.41 %  (n = 2)'
    """
    mean = 100 * statistics.fmean(values)
    if len(values) == 1:
        return f"{mean:.2f} %  (n = 1)"
    return f"{mean:.2f} ± {100 * statistics.stdev(values):.2f} %  (n = {len(values)})"


def percent(fraction: float) -> str:
    """Return a fraction as a person reads it.

    >>> percent(0.98765)
    '98.77 %'
    """
    return f"{100 * fraction:.2f} %"


def _threshold_of(tag: str) -> str:
    """Return the tag without the statistic over channels: one that moved speaks for all."""
    head, _, last = tag.rpartition("/")
    return head if last in ("mean", "min", "max") else tag


def _remarks(path: Path, still: Sequence[str], *, trust: Sequence[str]) -> dict[str, str]:
    """Say that thresholds did not move, and why, where an audit knows; once for all channels."""
    if not still:
        return {}
    try:
        reasons = why_still(path, trust=trust)
    except RunError:
        reasons = {}  # a summary is no place to fail: the run has finished
    remarks = {}
    for tag in still:
        subject = tag.removeprefix("threshold/")
        if subject not in reasons:
            subject = subject.rpartition("/")[0]
        reason = reasons.pop(subject, None)
        remarks[tag] = "   did not move" + ("" if reason is None else f": {reason}")
    return remarks


def _first_values(path: Path, tags: Sequence[str]) -> dict[str, float]:
    """Return the first value that the journal holds for each tag."""
    first: dict[str, float] = {}
    records, _ = read(path / JOURNAL_FILE)
    for record in records:
        for tag in tags:
            if tag in record["scalars"]:
                first.setdefault(tag, record["scalars"][tag])
    return first
