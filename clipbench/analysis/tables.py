"""A table as every format shows it: named columns, rows, and cells with the values behind them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

Value = str | int | float | None


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: What a user types for it.
        title: What stands above it.
        about: One sentence: what its numbers say.
        group: The heading it shares with its neighbours; empty where it has none.
        sentence: Whether its cells are sentences, which a narrow table shows beneath.
    """

    key: str
    title: str
    about: str = ""
    group: str = ""
    sentence: bool = False


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        main: What a person reads first.
        detail: What stands beside or below it: an interval, a floor.
        values: The values behind it, by the end of their name; the one called "" sorts the table
            and carries the column's own name.
    """

    main: str
    detail: str = ""
    values: tuple[tuple[str, Value], ...] = ()

    @property
    def text(self) -> str:
        """All of it on one line."""
        return f"{self.main} {self.detail}".rstrip()


@dataclass(frozen=True)
class Row:
    """One configuration: its label, its clip, and a cell for each column's key."""

    label: str
    clip: str
    cells: dict[str, Cell]


@dataclass(frozen=True)
class Table:
    """Rows under columns.

    Attributes:
        title: What all rows share.
        columns: In the order they are shown.
        rows: Each with a cell for every column.
        notes: What a reader must know, one sentence each.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    def chosen(self, keys: Iterable[str]) -> Table:
        """Give the table with these columns alone, in this order."""
        known = {column.key: column for column in self.columns}
        return replace(self, columns=[known[key] for key in keys])

    def sorted_by(self, key: str, *, descending: bool = False) -> Table:
        """Give the table with its rows in the order of a column; rows without a value stay last.

        Numbers stand before words.
        """
        told = [row for row in self.rows if _order(row.cells[key]) is not None]
        silent = [row for row in self.rows if _order(row.cells[key]) is None]
        told.sort(key=lambda row: _order(row.cells[key]) or (0, 0.0, ""), reverse=descending)
        return replace(self, rows=[*told, *silent])


def _order(cell: Cell) -> tuple[int, float, str] | None:
    value = dict(cell.values).get("")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return (1, 0.0, value) if isinstance(value, str) else (0, float(value), "")
