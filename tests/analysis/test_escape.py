"""No name steers what shows it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.analysis.escape import latex, markdown, plain, spreadsheet

ANY = st.text(st.characters(exclude_categories=()), max_size=30)


@given(ANY)
def test_what_is_shown_prints_and_can_be_written(text):
    for escape in (plain, spreadsheet, markdown, latex):
        shown = escape(text)
        assert shown.isprintable()
        shown.encode("utf-8")  # a lone surrogate would raise here


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=20))
def test_plain_names_stay_as_they_are(text):
    assert plain(text) == spreadsheet(text) == markdown(text) == latex(text) == text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "＝", "＋", "－", "＠"])
def test_no_cell_begins_a_formula(start):
    out = io.StringIO()
    csv.writer(out).writerow([spreadsheet(f"{start}cmd|' /C calc'!A0")])
    assert out.getvalue().strip('"').startswith("'")


@given(ANY)
def test_markup_is_escaped(text):
    bare = markdown(text)
    for letter in "|*_<>`[]#":
        assert bare.replace("\\\\", "").replace(f"\\{letter}", "").count(letter) == 0


@given(st.text(alphabet='\\{}$&#_%~^<>|"a', max_size=20))
def test_latex_has_no_bare_special(text):
    shown = latex(text)
    for letter in "$&#_%":
        assert shown.replace(f"\\{letter}", "").count(letter) == 0
    assert "~" not in shown
    depth = 0
    for place, letter in enumerate(shown):
        if letter in "{}" and shown[place - 1] != "\\":
            depth += 1 if letter == "{" else -1
        assert depth in (0, 1)
    assert depth == 0
