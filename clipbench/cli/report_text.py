"""How findings read: as a terminal shows them, or as another program takes them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from clipbench.analysis.comparison import METRIC
from clipbench.analysis.escape import plain
from clipbench.analysis.findings import Findings, find
from clipbench.analysis.formats import as_csv, as_json, as_latex, as_markdown
from clipbench.analysis.load import load_runs
from clipbench.analysis.lost import Lost
from clipbench.analysis.tables import Table
from clipbench.analysis.terminal import table_lines

UNBOUNDED = 10_000


def comparison_text(paths: Sequence[Path], *, unstarted: Sequence[Lost]) -> str:
    """Return the default tables of all runs below some folders, whatever became of them.

    Raises:
        RunError: A path is no folder.
    """
    findings = find(load_runs(paths), metric=METRIC, unstarted=unstarted)
    return as_text([*findings.tables(), *findings.together()], findings, width=terminal_width())


def as_text(
    tables: Sequence[Table], findings: Findings, *, width: int, notes: Sequence[str] = ()
) -> str:
    """Return tables, then every run that gave no number, as a terminal shows them."""
    lines: list[str] = []
    for table in tables:
        lines += [*table_lines(table, width=width), ""]
    lines += [findings.summary, *lost_lines(findings)]
    return "\n".join([*lines, *map(plain, [*findings.notes, *notes])]) + "\n"


def as_data(
    form: str, tables: Sequence[Table], findings: Findings, *, notes: Sequence[str], metric: str
) -> str:
    """Return tables as CSV, JSON, Markdown or LaTeX, with every run that gave no number.

    CSV has no place for those runs: they are named on stderr.
    """
    lost, said = findings.lost, [*findings.notes, *notes]
    if form == "json":
        about = {"metric": metric, "summary": findings.summary}
        return as_json(tables, lost=lost, notes=said, about=about)
    if form == "markdown":
        return as_markdown(tables, lost=lost, notes=said)
    if form == "latex":
        return as_latex(tables, lost=lost, notes=said)
    for line in [*lost_lines(findings), *map(plain, said)]:
        print(line, file=sys.stderr)
    return as_csv(tables)


def lost_lines(findings: Findings) -> list[str]:
    """Return a line for each run that gave no number: which, why, where; none if there is none."""
    lost = findings.lost
    if not lost:
        return []
    who = max(len(plain(one.who)) for one in lost)
    return [
        "",
        f"{len(lost)} gave no number and lower n:",
        *(f"  {plain(one.who):<{who}}  {plain(one.cause)}  {plain(str(one.path))}" for one in lost),
    ]


def terminal_width() -> int:
    """Return the width of the terminal; a pipe or a file has none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBOUNDED
