"""How a bench reads on a terminal: a table for each part, and what changed since an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from clipbench.analysis.escape import plain
from clipbench.analysis.tables import Cell, Column, Row, Table
from clipbench.analysis.terminal import table_lines
from clipbench.bench import measure
from clipbench.bench.against import Change, caveats, changes
from clipbench.bench.measure import Measure, Part
from clipbench.bench.results import Results

FIRST = {"clips": "clip", "startup": "command", "seeds": "way", "data": "data set"}
MOST_CHANGES = 40


def result_lines(results: Results, *, width: int) -> list[str]:
    """Return the lines of all parts; none is wider than ``width`` unless one column needs it."""
    threads = f"{results.threads} thread{'' if results.threads == 1 else 's'}"
    lines = [f"{results.device}, {threads}; median (quartiles) over turns"]
    for part in results.parts:
        first = FIRST.get(part.name, "configuration")
        lines += ["", *wrap(plain(_heading(part)), width), ""]
        lines += table_lines(_table(part), width=width, first=first)
    return lines


def comparison_lines(now: Results, earlier: Results, *, width: int) -> list[str]:
    """Return what differs between two benches, and each change that is beyond the spread."""
    found = changes(now, earlier)
    moved = [one for one in found if one.verdict != "within the spread"]
    lines = ["", *(f"note: {plain(text)}" for text in caveats(now, earlier))]
    if not found:
        return [*lines, "the earlier bench has nothing of this to compare with"]
    if moved:
        lines += [*table_lines(_changed(moved), width=width, first="part"), ""]
    counts = f"{len(moved)} of {len(found)} quantities moved beyond their spread"
    return [*lines, counts]


def shown(spread: measure.Spread) -> str:
    """Write median and quartiles in three digits.

    >>> shown(measure.Spread(0.98765, 1.0, 1.02))
    '1 (0.988-1.02)'
    """
    return f"{digits(spread.median)} ({digits(spread.low)}-{digits(spread.high)})"


def digits(value: float) -> str:
    """Write a positive number in three digits, a large one in all of them before the point.

    >>> digits(0.012345), digits(20412.3)
    ('0.0123', '20,412')
    """
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _table(part: Part) -> Table:
    units = {name: one.unit for row in part.rows for name, one in row.measures.items()}
    columns = [Column(name, _title(name, unit)) for name, unit in units.items()]
    rows = [
        Row(row.name, "", {name: _cell(row.measures.get(name)) for name in units})
        for row in part.rows
    ]
    return Table("", columns, rows, part.notes)


def _heading(part: Part) -> str:
    told = (f"{key} {value}" for key, value in part.settings.items() if value != "")
    return f"{part.name}: {', '.join(told)}"


def _title(name: str, unit: str) -> str:
    return name if unit in ("x", "of copy") else f"{name} {unit}"


def _cell(measured: Measure | None) -> Cell:
    if measured is None:
        return Cell("-")
    single = len(measured.values) == 1
    return Cell(digits(measured.values[0]) if single else shown(measured.spread))


def _changed(moved: Sequence[Change]) -> Table:
    """Make the table of the changes, the largest first."""
    ordered = sorted(moved, key=lambda one: max(one.ratio, 1 / one.ratio), reverse=True)
    titles = ("what", "then", "now", "now/then", "verdict")
    columns = [Column(title, title) for title in titles]
    rows = [Row(one.part, "", dict(_cells(one))) for one in ordered[:MOST_CHANGES]]
    rest = len(ordered) - MOST_CHANGES
    return Table(
        "against the earlier bench", columns, rows, [f"and {rest} more"] if rest > 0 else []
    )


def _cells(change: Change) -> Iterator[tuple[str, Cell]]:
    unit = "" if change.unit == "x" else f" {change.unit}"
    yield "what", Cell(f"{change.row}, {change.measure}")
    yield "then", Cell(f"{digits(change.earlier)}{unit}")
    yield "now", Cell(f"{digits(change.now)}{unit}")
    yield "now/then", Cell(f"{change.ratio:.2f}")
    yield "verdict", Cell(change.verdict)
