"""The comparison as a table: one row a configuration, the reference first.

Beside the columns named here any tag of the results can be one (its mean over the finished runs),
and any key of the configuration (its value).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from clipbench.analysis.arms import Arm
from clipbench.analysis.cells import mean_cell, nothing, number_cell, p_cell, p_text, words
from clipbench.analysis.comparison import Comparison
from clipbench.analysis.comparison import Row as Compared
from clipbench.analysis.load import Run
from clipbench.analysis.lost import Lost, arms_of, never_started
from clipbench.analysis.mcnemar import Disagreement
from clipbench.analysis.metrics import number, title, unit
from clipbench.analysis.statistics import estimate
from clipbench.analysis.tables import Cell, Column, Row, Table
from clipbench.analysis.verdict import verdict
from clipbench.analysis.where import value_of

SPARSITY = ("test/sparsity/mean", "sparsity/mean")


@dataclass(frozen=True)
class Line:
    """All that a row is made from; ``row`` is None for the reference."""

    arm: Arm
    comparison: Comparison
    row: Compared | None
    disagreement: Disagreement | None
    unstarted: int

    def write(self, value: float) -> str:
        """Write a number of the metric compared."""
        return number(self.comparison.metric, value)


def _runs(line: Line) -> Cell:
    finished, total = len(line.arm.values), len(line.arm.runs) + line.unstarted
    return Cell(f"{finished}/{total}", values=(("", finished), ("total", total)))


def _mean(line: Line) -> Cell:
    return mean_cell(line.arm.estimate, line.write)


def _difference(line: Line) -> Cell:
    if line.row is None:
        return nothing("reference")
    return mean_cell(line.row.difference, line.write, signed=True)


def _p(line: Line) -> Cell:
    return p_cell(line.row.p) if line.row else nothing("")


def _holm_p(line: Line) -> Cell:
    return p_cell(line.row.holm_p) if line.row else nothing("")


def _sign_flip_p(line: Line) -> Cell:
    if line.row is None:
        return nothing("")
    floor = line.row.sign_flip_floor
    detail = "" if math.isnan(floor) else f"(≥ {p_text(floor)})"
    return p_cell(line.row.sign_flip_p, detail, floor=floor)


def _superiority(line: Line) -> Cell:
    if line.row is None:
        return nothing("")
    share = line.row.superiority
    return nothing() if math.isnan(share) else Cell(f"{share:.2f}", values=(("", share),))


def _detectable(line: Line) -> Cell:
    return number_cell(line.row.detectable, line.write) if line.row else nothing("")


def _mcnemar_p(line: Line) -> Cell:
    if line.row is None:
        return nothing("")
    pooled = line.disagreement.pooled if line.disagreement else None
    if pooled is None:
        return nothing()
    detail = f"({pooled.only_a}:{pooled.only_b})"
    return p_cell(pooled.p, detail, only_here=pooled.only_a, only_reference=pooled.only_b)


def _sparsity(line: Line) -> Cell:
    return _tag_cell(line.arm, sparsity_tag(line.comparison))


def _verdict(line: Line) -> Cell:
    if line.row is not None:
        return words(verdict(line.row, line.comparison))
    return nothing("the reference" if line.comparison.rows else "nothing to compare with")


CELLS: dict[str, Callable[[Line], Cell]] = {
    "runs": _runs,
    "mean": _mean,
    "difference": _difference,
    "p": _p,
    "holm_p": _holm_p,
    "sign_flip_p": _sign_flip_p,
    "superiority": _superiority,
    "detectable": _detectable,
    "mcnemar_p": _mcnemar_p,
    "sparsity": _sparsity,
    "verdict": _verdict,
}


def columns_for(metric: str, *, sparsity: str = SPARSITY[0]) -> dict[str, Column]:
    """Describe the columns that every comparison has, for one metric."""
    points = f", {unit(metric)}" if unit(metric) else ""
    described = {
        "runs": ("runs", "Runs that gave a number, of all that were begun or planned."),
        "mean": (title(metric), "Mean over seeds with the 95 % t-interval."),
        "difference": (
            f"difference{points}",
            "Mean of the differences to the reference on shared seeds, with its 95 % t-interval.",
        ),
        "p": ("p", "Of the paired t-test, not corrected."),
        "holm_p": ("Holm p", "The same after Holm's correction over all rows; it decides."),
        "sign_flip_p": (
            "sign-flip p",
            "Exact and without the normal curve, not corrected; in brackets the smallest it can "
            "be at this number of seeds.",
        ),
        "superiority": ("P(A>B)", "Share of shared seeds on which it is above the reference."),
        "detectable": (
            f"detectable{points}",
            "Smallest true difference that this number of seeds finds with 80 % power after "
            "correction.",
        ),
        "mcnemar_p": (
            "McNemar p",
            "On which test images the networks differ: images where it is right on more seeds than "
            "the reference, and the reverse.",
        ),
        "sparsity": (
            "zeros %" if sparsity == SPARSITY[0] else "zeros % (validation)",
            "Share of exact zeros in what the clips give, mean of sites.",
        ),
        "verdict": ("verdict", "The finding in one sentence."),
    }
    return {
        key: Column(key, heading, about, sentence=key == "verdict")
        for key, (heading, about) in described.items()
    }


def comparison_table(
    comparison: Comparison,
    *,
    keys: Sequence[str],
    disagreements: Mapping[str, Disagreement],
    unstarted: Iterable[Lost] = (),
) -> Table:
    """Make the table of one comparison.

    Args:
        comparison: The reference and its rows.
        keys: Columns, tags or configuration keys, in the order wanted.
        disagreements: By label; needed for ``mcnemar_p`` alone.
        unstarted: Planned runs that never began; they count in the totals.
    """
    planned = list(unstarted)
    compared = {row.arm.label: row for row in comparison.rows}
    rows = []
    for arm in arms_of(comparison):
        row, disagreement = compared.get(arm.label), disagreements.get(arm.label)
        line = Line(arm, comparison, row, disagreement, never_started(arm, planned))
        rows.append(Row(arm.label, arm.clip, {key: _cell(line, key) for key in keys}))
    columns = columns_for(comparison.metric, sparsity=sparsity_tag(comparison))
    return Table(
        ", ".join(comparison.block),
        [columns.get(key) or _extra(key, arms_of(comparison)) for key in keys],
        rows,
    )


def sparsity_tag(comparison: Comparison) -> str:
    """Choose one tag for the sparsity of all rows: of the test part where every run has it."""
    runs = [arm.runs[seed] for arm in arms_of(comparison) for seed in arm.values]
    return SPARSITY[0] if all(SPARSITY[0] in run.results for run in runs) else SPARSITY[1]


def known_tags(runs: Iterable[Run]) -> list[str]:
    """Name every tag that some run has a result for, sorted."""
    return sorted({tag for run in runs for tag in run.results})


def _cell(line: Line, key: str) -> Cell:
    if key in CELLS:
        return CELLS[key](line)
    if any(key in run.results for run in line.arm.runs.values()):
        return _tag_cell(line.arm, key)
    values = {value_of(run, key) for run in line.arm.runs.values()} - {None}
    if len(values) != 1:
        return nothing(", ".join(sorted(filter(None, values))) or "–")
    (value,) = values
    assert value is not None
    return words(value, _as_number(value))


def _extra(key: str, arms: Sequence[Arm]) -> Column:
    measured = any(key in run.results for arm in arms for run in arm.runs.values())
    return Column(key, title(key) if measured else key)


def _tag_cell(arm: Arm, tag: str) -> Cell:
    held = [arm.runs[seed].results.get(tag, math.nan) for seed in arm.values]
    finite = estimate([value for value in held if math.isfinite(value)])
    return mean_cell(finite, partial(number, tag), of=len(held))


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
