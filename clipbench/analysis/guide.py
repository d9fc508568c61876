"""The choice guide: control, flexibility, stability, sparsity, accuracy and cost, side by side.

Each cell is a measured number with its 95 % interval over seeds: a t-interval for means, the exact
binomial one for the share of seeds that diverged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from clipbench.analysis import measures
from clipbench.analysis.arms import Arm
from clipbench.analysis.cells import mean_cell, nothing, number_cell, percent
from clipbench.analysis.comparison import Comparison
from clipbench.analysis.comparison_table import sparsity_tag
from clipbench.analysis.history import History
from clipbench.analysis.load import Run
from clipbench.analysis.lost import arms_of
from clipbench.analysis.metrics import number, title
from clipbench.analysis.statistics import Estimate, estimate, share
from clipbench.analysis.tables import Cell, Column, Row, Table

LEARNED, PARAMETERS = "parameters/thresholds", "parameters"
_SATURATION = "test/saturation/"


@dataclass(frozen=True)
class Line:
    """An arm, what it is compared in, the histories of all its runs, and where sites were seen."""

    arm: Arm
    comparison: Comparison
    histories: Mapping[Path, History]
    test: bool = True

    def over_seeds(self, measure: Callable[[Run], float]) -> Estimate:
        """Estimate a measure over the seeds that gave a number."""
        held = [measure(self.arm.runs[seed]) for seed in self.arm.values]
        return estimate([value for value in held if math.isfinite(value)])

    def history(self, run: Run) -> History:
        """Give the history of a run."""
        return self.histories[run.path]


def _beyond(line: Line) -> Cell:
    part = "test/" if line.test else ""
    return mean_cell(
        line.over_seeds(lambda run: measures.saturation(run.results, part=part)), percent
    )


def _peak(line: Line) -> Cell:
    return mean_cell(line.over_seeds(lambda run: measures.peak(run.results)), "{:.2f}".format)


def _learned(line: Line) -> Cell:
    return _count(line, LEARNED)


def _movement(line: Line) -> Cell:
    def moved(run: Run) -> float:
        return measures.movement(run.results, line.history(run))

    return mean_cell(line.over_seeds(moved), percent)


def _spread(line: Line) -> Cell:
    return mean_cell(line.over_seeds(lambda run: measures.spread(run.results)), percent)


def _diverged(line: Line) -> Cell:
    ended = [run for run in line.arm.runs.values() if run.status in ("finished", "diverged")]
    diverged = sum(run.status == "diverged" for run in ended)
    found = share(diverged, len(ended))
    if len(ended) == 0:
        return nothing()
    detail = f"[{100 * found.low:.0f}, {100 * found.high:.0f} %]"
    ends = (("of", found.n), ("low", found.low), ("high", found.high))
    return Cell(f"{diverged}/{found.n}", detail, (("", found.mean), *ends))


def _spikes(line: Line) -> Cell:
    return mean_cell(line.over_seeds(lambda run: measures.spikes(line.history(run))), percent)


def _sparsity(line: Line) -> Cell:
    tag = sparsity_tag(line.comparison)
    return mean_cell(line.over_seeds(lambda run: run.results.get(tag, math.nan)), percent)


def _mean(line: Line) -> Cell:
    return mean_cell(line.arm.estimate, partial(number, line.comparison.metric))


def _time(line: Line) -> Cell:
    return mean_cell(estimate(list(time_ratios(line).values())), "{:.2f}".format)


def _parameters(line: Line) -> Cell:
    return _count(line, PARAMETERS)


CELLS: dict[str, Callable[[Line], Cell]] = {
    "beyond": _beyond,
    "peak": _peak,
    "learned": _learned,
    "movement": _movement,
    "spread": _spread,
    "diverged": _diverged,
    "spikes": _spikes,
    "sparsity": _sparsity,
    "mean": _mean,
    "time": _time,
    "parameters": _parameters,
}


def columns_for(metric: str, *, test: bool = True) -> dict[str, Column]:
    """Describe the columns of the guide.

    Args:
        metric: What is compared.
        test: Whether shares of activations are those of the test part, or of the validation part.
    """
    part = "test" if test else "validation"
    described = {
        "beyond": (
            "control",
            "beyond bound %",
            f"Share of {part} activations at or beyond the clip's own bound, mean of sites; "
            "0 where it has none.",
        ),
        "peak": (
            "control",
            "max / q99.9",
            "Largest test output over the 99.9 % quantile of outputs, mean of sites: 1 is a bound "
            "that bites, more is outliers.",
        ),
        "learned": ("flexibility", "learned values", "Trainable numbers inside the clips."),
        "movement": (
            "flexibility",
            "moved %",
            "Median over thresholds of the relative way from start to end.",
        ),
        "spread": (
            "flexibility",
            "sites apart %",
            "Range of the thresholds over the sites at the end, relative to their mean size.",
        ),
        "diverged": (
            "stability",
            "diverged",
            "Seeds that met a loss or gradient that was not finite, with the exact interval.",
        ),
        "spikes": (
            "stability",
            "spikes %",
            f"Sampled steps whose gradient norm exceeds {measures.SPIKE:g} times the median of the "
            f"{measures.LOOK_BACK} samples before.",
        ),
        "sparsity": ("sparsity", "zeros %", f"Share of exact zeros ({part} part), mean of sites."),
        "mean": ("accuracy", title(metric), "Mean over seeds."),
        "time": (
            "cost",
            "time × reference",
            "Median seconds of an epoch of training over that of the reference, on shared seeds.",
        ),
        "parameters": ("cost", "parameters", "All trainable numbers of the network."),
    }
    return {
        key: Column(key, heading, about, group=group)
        for key, (group, heading, about) in described.items()
    }


def guide_table(
    comparison: Comparison, *, histories: Mapping[Path, History], keys: Iterable[str] = tuple(CELLS)
) -> Table:
    """Make the guide to one comparison."""
    test = on_test(comparison)
    columns = columns_for(comparison.metric, test=test)
    chosen = list(keys)
    rows = []
    for arm in arms_of(comparison):
        line = Line(arm, comparison, histories, test)
        rows.append(Row(arm.label, arm.clip, {key: CELLS[key](line) for key in chosen}))
    return Table(", ".join(comparison.block), [columns[key] for key in chosen], rows)


def on_test(comparison: Comparison) -> bool:
    """Tell whether every run has measured its sites on the test part."""
    runs = [arm.runs[seed] for arm in arms_of(comparison) for seed in arm.values]
    return all(any(tag.startswith(_SATURATION) for tag in run.results) for run in runs)


def time_ratios(line: Line) -> dict[int, float]:
    """Give for each shared seed the time of an epoch over that of the reference."""
    base = line.comparison.reference
    ratios = {}
    for seed in sorted(line.arm.values.keys() & base.values.keys()):
        own, other = (
            measures.epoch_seconds(line.history(arm.runs[seed])) for arm in (line.arm, base)
        )
        if other > 0 and math.isfinite(own):
            ratios[seed] = own / other
    return ratios


def _count(line: Line, tag: str) -> Cell:
    runs: Sequence[Run] = [line.arm.runs[seed] for seed in line.arm.values]
    counts = {run.results[tag] for run in runs if tag in run.results}
    if len(counts) == 0:
        return nothing()
    return number_cell(max(counts), "{:,.0f}".format)
