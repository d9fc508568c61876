"""A table fits the terminal, and nothing is lost on the way."""

from __future__ import annotations

import pytest

from clipbench.analysis.tables import Cell, Column, Row, Table
from clipbench.analysis.terminal import table_lines

COLUMNS = [
    *(Column(f"c{k}", f"column {k}") for k in range(6)),
    Column("v", "verdict", sentence=True),
]


def row(name):
    numbers = {f"c{k}": Cell(f"{name}{k}", "[1, 2]") for k in range(6)}
    return Row(name, "relu", {**numbers, "v": Cell(f"{name} is " + "good " * 20)})


ROWS = [row("relu"), row("learnable")]
TABLE = Table("digits, cnn", COLUMNS, ROWS, ["a note"])


@pytest.mark.parametrize("width", [50, 80, 120, 1000])
def test_no_line_is_wider_and_every_cell_is_there(width):
    lines = table_lines(TABLE, width=width)
    assert all(len(line) <= width for line in lines)
    text = "\n".join(lines)
    assert all(f"{row.label}{k} [1, 2]" in text for row in ROWS for k in range(6))
    assert text.count("good") == 40
    assert lines[0] == "digits, cnn"
    assert lines[-1] == "a note"


def test_columns_are_aligned():
    head, first, second = table_lines(TABLE, width=1000)[2:5]
    for k in range(6):
        place = head.index(f"column {k}")
        assert first[place:].startswith(f"relu{k}")
        assert second[place:].startswith(f"learnable{k}")


def test_a_column_wider_than_the_terminal_still_stands_alone():
    wide = Table(
        "", COLUMNS[:2], [Row("relu", "relu", {f"c{k}": Cell("x" * 60) for k in range(2)})]
    )
    lines = table_lines(wide, width=40)
    assert sum("x" * 60 in line for line in lines) == 2


def test_names_cannot_steer_the_terminal():
    hostile = "a\x1b[2J\nb"
    row = Row(hostile, "relu", {"c0": Cell(hostile, hostile), "v": Cell(hostile)})
    shown = Table(hostile, [COLUMNS[0], COLUMNS[-1]], [row], [hostile])
    assert all(line.isprintable() for line in table_lines(shown, width=200))
