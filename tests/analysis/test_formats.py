"""Each format can be read back, with the numbers that went in, whatever the names hold."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

from clipbench.analysis.formats import as_csv, as_json, as_latex, as_markdown
from clipbench.analysis.lost import Lost
from clipbench.analysis.tables import Cell, Column, Row, Table

EVIL = '=1+1|"x"<b>\x1b[31m_$%&\n'
MEAN = Cell("0.50", "[0.40, 0.60]", (("", 0.1 + 0.2), ("n", 3), ("low", math.nan), ("high", -0.6)))
VERDICT = Cell(EVIL, values=(("", EVIL),))
TABLE = Table(
    EVIL,
    [Column("mean", "accuracy %"), Column("verdict", "verdict", sentence=True)],
    [Row(EVIL, "relu", {"mean": MEAN, "verdict": VERDICT})],
    [EVIL],
)
LOST = [Lost(EVIL, 3, EVIL, Path("a") / "b\udcff")]


def test_csv_holds_the_values_and_no_formula():
    (record,) = csv.DictReader(io.StringIO(as_csv([TABLE])))
    assert float(record["mean"]) == 0.1 + 0.2
    assert (record["mean_n"], record["mean_low"], float(record["mean_high"])) == ("3", "", -0.6)
    for name in ("table", "configuration", "verdict"):
        assert record[name].startswith("'=1+1|")
        assert record[name].isprintable()


def test_csv_of_several_tables_has_one_head():
    other = Table(
        "b", [Column("p", "p")], [Row("relu", "relu", {"p": Cell("1", values=(("", 1.0),))})]
    )
    first, second = csv.DictReader(io.StringIO(as_csv([TABLE, other])))
    assert (first["p"], second["p"], second["mean"]) == ("", "1.0", "")


def test_json_is_strict_and_says_null_for_what_cannot_be_said():
    text = as_json([TABLE], lost=LOST, notes=["a note"], about={"metric": "test/accuracy"})
    document = json.loads(
        text, parse_constant=lambda word: (_ for _ in ()).throw(AssertionError(word))
    )
    (row,) = document["tables"][0]["rows"]
    assert (row["mean"], row["mean_n"], row["mean_low"], row["mean_high"]) == (
        0.1 + 0.2,
        3,
        None,
        -0.6,
    )
    assert row["configuration"] == EVIL
    assert document["lost"][0] == {
        "configuration": EVIL, "seed": 3, "cause": EVIL, "path": "a/b\udcff",
    }  # fmt: skip
    assert (document["metric"], document["notes"]) == ("test/accuracy", ["a note"])
    assert text.isascii()


def test_markdown_keeps_its_cells_whatever_the_names_hold():
    lines = as_markdown([TABLE], lost=LOST, notes=[EVIL]).splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 3
    for row in rows:
        assert row.replace("\\|", "").count("|") == 4
    assert not [line for line in lines if "<b>" in line or not line.isprintable()]
    assert any(line.startswith("- ") and "seed 3" in line for line in lines)


def test_latex_has_one_row_a_configuration_and_keeps_its_cells():
    text = as_latex([TABLE], lost=LOST, notes=[EVIL])
    assert text.count(r"\begin{tabular}{lrp{6cm}}") == text.count(r"\end{tabular}") == 1
    body = text.partition("\\midrule\n")[2].partition("\n\\bottomrule")[0].splitlines()
    assert len(body) == 1
    assert body[0].replace("\\&", "").count("&") == 2
    comments = [line for line in text.splitlines() if line.startswith("%")]
    assert any("gave no number" in line and "seed 3" in line for line in comments)
    assert all(line.isprintable() for line in text.splitlines())
