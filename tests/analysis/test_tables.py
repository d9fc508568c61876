"""A table is sorted by the values behind its cells and shows the columns asked for."""

from __future__ import annotations

import math

from clipbench.analysis.tables import Cell, Column, Row, Table


def table(*values):
    rows = [
        Row(str(value), "relu", {"a": Cell(str(value), values=(("", value),))}) for value in values
    ]
    return Table("", [Column("a", "A"), Column("b", "B")], rows)


def order(shown):
    return [row.label for row in shown.rows]


def test_numbers_are_sorted_as_numbers_before_words():
    shown = table(10, 9.5, "b", "a", 100)
    assert order(shown.sorted_by("a")) == ["9.5", "10", "100", "a", "b"]
    assert order(shown.sorted_by("a", descending=True)) == ["b", "a", "100", "10", "9.5"]


def test_what_has_no_value_stays_last_both_ways():
    shown = table(None, 2.0, math.nan, 1.0)
    assert order(shown.sorted_by("a")) == ["1.0", "2.0", "None", "nan"]
    assert order(shown.sorted_by("a", descending=True)) == ["2.0", "1.0", "None", "nan"]


def test_columns_stand_in_the_order_asked_for():
    assert [column.key for column in table(1).chosen(["b", "a"]).columns] == ["b", "a"]


def test_a_cell_reads_on_one_line():
    assert Cell("0.5").text == "0.5"
    assert Cell("0.5", "[0.4, 0.6]").text == "0.5 [0.4, 0.6]"
