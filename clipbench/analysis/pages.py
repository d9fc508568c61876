"""The report as one page: a single file that opens offline, on a phone and on paper.

Everything is inside it. The template escapes whatever it is given, figures come in as images, and
the page forbids itself to run code or to load anything from elsewhere.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import jinja2

from clipbench.analysis.comparison import Comparison
from clipbench.analysis.data_sets import across
from clipbench.analysis.escape import plain
from clipbench.analysis.figures import Figure, Subject, figures
from clipbench.analysis.findings import Findings
from clipbench.analysis.history import Histories, read_histories
from clipbench.analysis.lost import arms_of
from clipbench.analysis.metrics import title
from clipbench.analysis.origin import origins
from clipbench.analysis.palette import Look, looks
from clipbench.analysis.profiles import profile_figures
from clipbench.analysis.tables import Column, Table

TEMPLATE = "page.html"


@dataclass(frozen=True)
class Section:
    """One comparison on the page: its table, its figures, its guide."""

    anchor: str
    table: Table
    verdicts: Sequence[tuple[str, str]]
    figures: Sequence[Figure]
    guide: Table


def page(findings: Findings, *, name: str, notes: Sequence[str] = ()) -> str:
    """Write the page.

    Args:
        findings: What there is to say.
        name: What the page is about: the paths that were asked for.
        notes: What else a reader must know.
    """
    histories = read_histories(run for run in findings.runs if run.seed is not None)
    seen = _looks(findings.comparisons)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
    environment.filters |= {"image": _image, "groups": _groups}
    return environment.get_template(TEMPLATE).render(
        name=name,
        summary=findings.summary,
        metric=title(findings.comparisons[0].metric) if findings.comparisons else "",
        sections=_sections(findings, histories, seen),
        together=findings.together(),
        profiles=profile_figures(findings.comparisons, looks=seen),
        looks=seen,
        lost=findings.lost,
        notes=[*findings.notes, *histories.notes, *notes],
        origins=origins(findings.runs),
        written=datetime.now().strftime("%Y-%m-%d %H:%M"),
    )


def _sections(findings: Findings, histories: Histories, seen: Mapping[str, Look]) -> list[Section]:
    tables, guides = findings.tables(), findings.guides(histories)
    return [
        Section(
            anchor=f"part-{place}",
            table=table.chosen(column.key for column in table.columns if not column.sentence),
            verdicts=_verdicts(table),
            figures=list(figures(Subject(comparison, seen, histories.by_path))),
            guide=guide,
        )
        for place, (comparison, table, guide) in enumerate(
            zip(findings.comparisons, tables, guides, strict=True)
        )
    ]


def _verdicts(table: Table) -> list[tuple[str, str]]:
    """Give label and sentence of every row but the reference's."""
    return [
        (row.label, row.cells["verdict"].main)
        for row in table.rows
        if row.cells["difference"].main != "reference"
    ]


def _looks(comparisons: Sequence[Comparison]) -> dict[str, Look]:
    """Choose one look a configuration for the whole page, also for those across data sets."""
    named = [(arm.label, arm.clip) for one in comparisons for arm in arms_of(one)]
    named += [(one.label, one.clip) for one in across(comparisons)[0]]
    reference = comparisons[0].reference.clip if comparisons else ""
    return looks(named, reference=reference)


def _image(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode('ascii')}"


def _groups(columns: Sequence[Column]) -> list[tuple[str, int]]:
    """Give each heading that neighbours share with the number of columns below it."""
    found: list[tuple[str, int]] = []
    for column in columns:
        if found and found[-1][0] == column.group:
            found[-1] = (column.group, found[-1][1] + 1)
        else:
            found.append((column.group, 1))
    return found
