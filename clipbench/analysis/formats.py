"""Tables for other programs: CSV, JSON, Markdown and LaTeX.

CSV and JSON carry the values behind the cells, fractions as fractions, under the column's key and
``key_low``, ``key_high`` …; what cannot be said is empty there and null here. Markdown and LaTeX
show what a person reads in the terminal.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence

from clipbench.analysis.escape import latex, markdown, plain, spreadsheet
from clipbench.analysis.lost import Lost
from clipbench.analysis.tables import Row, Table, Value


def as_csv(tables: Sequence[Table]) -> str:
    """Write all tables as one, with a column that names the table of each row."""
    records = [
        {"table": table.title, "configuration": row.label, **_values(table, row)}
        for table in tables
        for row in table.rows
    ]
    names = list(dict.fromkeys(name for record in records for name in record))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([spreadsheet(name) for name in names])
    writer.writerows([[_csv_cell(record.get(name)) for name in names] for record in records])
    return out.getvalue()


def as_json(
    tables: Sequence[Table],
    *,
    lost: Sequence[Lost],
    notes: Sequence[str],
    about: Mapping[str, Value],
) -> str:
    """Write all tables, what was lost, and what is said about them as one JSON document."""
    document = {
        **about,
        "tables": [
            {
                "title": table.title,
                "rows": [
                    {"configuration": row.label, "clip": row.clip, **_values(table, row)}
                    for row in table.rows
                ],
                "notes": list(table.notes),
            }
            for table in tables
        ],
        "lost": [
            {
                "configuration": one.label,
                "seed": one.seed,
                "cause": one.cause,
                "path": str(one.path),
            }
            for one in lost
        ],
        "notes": list(notes),
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def as_markdown(tables: Sequence[Table], *, lost: Sequence[Lost], notes: Sequence[str]) -> str:
    """Write each table under its title, and what was lost as a list."""
    parts = [_markdown_table(table) for table in tables]
    if lost:
        items = [
            f"- {markdown(one.who)}: {markdown(one.cause)} ({markdown(str(one.path))})"
            for one in lost
        ]
        parts.append("\n".join([f"{len(lost)} runs gave no number:", "", *items]))
    return "\n\n".join([*parts, *map(markdown, notes)]) + "\n"


def as_latex(tables: Sequence[Table], *, lost: Sequence[Lost], notes: Sequence[str]) -> str:
    """Write each table as a ``tabular`` (of the package booktabs), what was lost as comments."""
    parts = ["% needs \\usepackage{booktabs}", *(_latex_table(table) for table in tables)]
    parts += [f"% gave no number: {plain(one.who)}: {plain(one.cause)}" for one in lost]
    return "\n".join([*parts, *(f"% {plain(note)}" for note in notes)]) + "\n"


def _values(table: Table, row: Row) -> dict[str, Value]:
    return {
        f"{column.key}_{end}" if end else column.key: _sayable(value)
        for column in table.columns
        for end, value in row.cells[column.key].values
    }


def _sayable(value: Value) -> Value:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _csv_cell(value: Value) -> str:
    if value is None:
        return ""
    return spreadsheet(value) if isinstance(value, str) else repr(value)


def _markdown_table(table: Table) -> str:
    heads = ["configuration", *(column.title for column in table.columns)]
    lines = [heads, ["---"] * len(heads)]
    lines += [_shown(table, row) for row in table.rows]
    rows = [f"| {' | '.join(map(_markdown_cell, line))} |" for line in lines]
    notes = [f"\n{markdown(note)}" for note in table.notes]
    return "\n".join([f"**{markdown(table.title)}**", "", *rows, *notes])


def _markdown_cell(text: str) -> str:
    return text if text == "---" else markdown(text)


def _latex_table(table: Table) -> str:
    heads = ["configuration", *(column.title for column in table.columns)]
    kinds = "".join("p{6cm}" if column.sentence else "r" for column in table.columns)
    body = [" & ".join(map(latex, _shown(table, row))) + r" \\" for row in table.rows]
    return "\n".join(
        [
            f"% {plain(table.title)}",
            f"\\begin{{tabular}}{{l{kinds}}}",
            r"\toprule",
            " & ".join(map(latex, heads)) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            *(f"% {plain(note)}" for note in table.notes),
        ]
    )


def _shown(table: Table, row: Row) -> list[str]:
    return [row.label, *(row.cells[column.key].text for column in table.columns)]
