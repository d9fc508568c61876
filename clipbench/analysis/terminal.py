"""A table as lines of text: columns aligned, none wider than the terminal.

What does not fit beside the labels continues below them, and sentences stand under the table: a
line that wraps would tear every column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from textwrap import wrap

from clipbench.analysis.escape import plain
from clipbench.analysis.tables import Column, Row, Table

_GAP = 2
_LEAST = 30


def table_lines(table: Table, *, width: int, first: str = "configuration") -> list[str]:
    """Return the lines of a table.

    Args:
        table: Its title stands in the first line.
        width: Characters a line may have, unless one column alone needs more.
        first: What stands above the labels.
    """
    labels = [first, *(plain(row.label) for row in table.rows)]
    blocks = [
        _block(labels, columns, table.rows)
        for columns in _fitting(table, width=width - max(map(len, labels)))
    ]
    sentences = [column for column in table.columns if column.sentence]
    blocks += [_sentences(labels, column, table.rows, width=width) for column in sentences]
    blocks += [[plain(note) for note in table.notes]] if table.notes else []
    head = [plain(table.title)] if table.title else []
    return [*head, *chain.from_iterable(["", *block] for block in blocks)][0 if head else 1 :]


def _fitting(table: Table, *, width: int) -> Iterator[list[Column]]:
    """Part the columns into groups that fit beside the labels, each of at least one."""
    taken: list[Column] = []
    room = width
    for column in (column for column in table.columns if not column.sentence):
        needed = max(map(len, _texts(column, table.rows))) + _GAP
        if taken and needed > room:
            yield taken
            taken, room = [], width
        taken.append(column)
        room -= needed
    if taken or not table.columns:
        yield taken


def _block(labels: Sequence[str], columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    texts = [list(labels), *(_texts(column, rows) for column in columns)]
    widths = [max(map(len, column)) for column in texts]
    lines = zip(*texts, strict=True)
    return [
        (" " * _GAP).join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _sentences(
    labels: Sequence[str], column: Column, rows: Sequence[Row], *, width: int
) -> list[str]:
    indent = max(map(len, labels)) + _GAP
    lines = [plain(column.title)]
    for label, row in zip(labels[1:], rows, strict=True):
        text = plain(row.cells[column.key].text)
        first, *rest = wrap(text, max(width - indent, _LEAST)) or [""]
        lines += [f"{label:<{indent}}{first}".rstrip(), *(" " * indent + line for line in rest)]
    return lines


def _texts(column: Column, rows: Sequence[Row]) -> list[str]:
    return [plain(column.title), *(plain(row.cells[column.key].text) for row in rows)]
