"""``clipbench report`` answers what it is asked, says what is wrong, and loses no run."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from clipbench.analysis.lost import Lost
from clipbench.cli.main import main
from clipbench.cli.report import FORMATS, print_comparison
from tests.analysis.stored import store, store_arms

ROOT = Path(__file__).parents[2]
EVIL = "=evil\x1b[2J|<b>"


@pytest.fixture
def tree(tmp_path):
    store_arms(tmp_path, {"relu": [0.90, 0.80, 0.82], "pact": [0.96, 0.84, 0.90], "silu": [0.7]})
    store(tmp_path / "f", "silu", 1, None, status="failed", cause="out of memory")
    store(tmp_path / "d", "silu", 2, None, status="diverged", cause="diverged at step 3: nan")
    (store(tmp_path / "u", "silu", 3, None) / "run.json").write_bytes(b"torn")
    return tmp_path


@pytest.fixture
def said(capsys):
    def run(*arguments, code=0):
        assert main(["report", *map(str, arguments)]) == code
        out = capsys.readouterr()
        return out.out if code == 0 else out.err

    return run


def rows_of(text):
    """Read the first columns of the first table: label -> the rest of its line."""
    lines = text.partition("configuration")[2].splitlines()[1:]
    return {line.split()[0]: line.split()[1:] for line in lines[: lines.index("")]}


def test_the_table_shows_every_configuration_and_every_lost_run(tree, said):
    text = said(tree)
    rows = rows_of(text)
    assert [rows[name][0] for name in ("relu", "pact", "silu")] == ["3/3", "3/3", "1/3"]
    assert "6.00" in text  # pact minus relu: 6, 4 and 8 points
    for named in (
        "silu seed 1  failed: out of memory", "silu seed 2  diverged at step 3: nan",
        "unreadable: ", "3 gave no number",
    ):  # fmt: skip
        assert named in text


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in ("table", "html")])
def test_every_format_is_shown_or_written(form, tree, said, capsys):
    shown = said(tree, "--format", form)
    assert "pact" in shown
    file = tree / "report.out"
    assert said(tree, "--format", form, "--output", file).strip() == str(file)
    assert file.read_text() == shown


def test_json_and_csv_hold_the_same_numbers(tree, said):
    document = json.loads(said(tree, "--format", "json"))
    records = list(csv.DictReader(io.StringIO(said(tree, "--format", "csv"))))
    (table,) = document["tables"]
    for row, record in zip(table["rows"], records, strict=True):
        assert row["configuration"] == record["configuration"]
        assert record["difference"] == (
            "" if row["difference"] is None else repr(row["difference"])
        )
    assert len(document["lost"]) == 3
    assert table["rows"][1]["difference"] == pytest.approx(0.06)


def test_csv_names_the_lost_runs_beside_it(tree, capsys):
    assert main(["report", str(tree), "--format", "csv"]) == 0
    out = capsys.readouterr()
    assert "out of memory" in out.err
    assert "out of memory" not in out.out


def test_the_page_is_written_beside_the_runs_and_its_path_printed(tree, said):
    assert said(tree, "--format", "html").strip() == str(tree / "report.html")
    assert (tree / "report.html").read_text().startswith("<!doctype html>")


def test_columns_and_order_are_those_asked_for(tree, said):
    text = said(tree, "--columns", "runs,test/loss,optim.lr", "--sort", "-mean")
    head = text.partition("configuration")[2].splitlines()[0]
    assert head.split() == ["runs", "test", "loss", "optim.lr"]
    assert list(rows_of(text)) == ["pact", "relu", "silu"]
    assert list(rows_of(said(tree, "--sort", "mean"))) == ["silu", "relu", "pact"]
    assert list(rows_of(said(tree, "--sort=-mean"))) == ["pact", "relu", "silu"]


def test_conditions_choose_runs_and_say_how_many_they_leave_out(tree, said):
    text = said(tree, "--where", "clip=relu,pact", "--where", "seed<2")
    rows = rows_of(text)
    assert {name: row[0] for name, row in rows.items()} == {"relu": "2/2", "pact": "2/2"}
    assert "5 of 10 runs left out by --where clip=relu,pact seed<2" in text
    assert "unreadable" in text  # nothing is known of it, so it may belong here


def test_the_reference_metric_and_difference_can_be_chosen(tree, said):
    text = said(tree, "--reference", "pact", "--metric", "test/loss", "--settle", "0.5")
    assert "test loss" in text
    assert rows_of(text)["pact"][1] == "0.1"
    assert "reference" in text
    settled = said(tree, "--settle", "0.3", "--columns", "runs,verdict")
    assert "0.30 points" in settled


def test_models_are_held_apart_unless_they_are_compared(tmp_path, said):
    for model in ("cnn", "mlp"):
        store(tmp_path / model, "relu", 0, 0.9, model=model)
    assert said(tmp_path).count("configuration  ") == 2
    assert "model=mlp  " in said(tmp_path, "--within", "data")


def test_the_guide_is_a_table_like_the_other(tree, said):
    text = said(tree, "--guide", "--columns", "learned,movement,diverged")
    assert rows_of(text)["pact"][:3] == ["2", "50.0", "0/3"]
    assert "1/2 [1, 99 %]" in text
    document = json.loads(said(tree, "--guide", "--format", "json"))
    assert document["tables"][0]["rows"][1]["beyond"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--columns", "runs,meen"], "'mean'"),
        (["--columns", "optim.rl"], "'optim.lr'"),
        (["--sort", "-differnce"], "'difference'"),
        (["--where", "clp=relu"], "'clip'"),
        (["--where", "clip"], "KEY=VALUE"),
        (["--where", "clip=nobody"], "none of the 10 runs"),
        (["--reference", "pakt"], "'pact'"),
        (["--metric", "test/acuracy"], "'test/accuracy'"),
        (["--settle", "-1"], "positive"),
        (["--within", "modle"], "'model'"),
        (["--guide", "--columns", "spike"], "'spikes'"),
        (["--format", "json", "--output", "nowhere/a.json"], "no folder"),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest_right_one(tree, said, arguments, hint):
    text = said(tree, *arguments, code=2)
    assert hint in text
    assert len(text.splitlines()) <= 3


def test_a_path_without_runs_is_refused(tree, tmp_path_factory, said):
    empty = tmp_path_factory.mktemp("empty")
    assert "no run here" in said(tree, empty, code=4)
    assert "no such folder" in said(tree / "nowhere", code=4)


def test_the_same_path_twice_changes_nothing(tree, said):
    assert said(tree, tree) == said(tree)


def test_the_end_of_a_sweep_shows_what_there_is(tree, capsys):
    planned = [Lost("clip=silu", 4, "never started", tree / "clip=silu" / "seed=4")]
    print_comparison([tree], unstarted=planned)
    text = capsys.readouterr().out
    assert rows_of(text)["silu"][0] == "1/4"
    assert "4 gave no number" in text
    assert "clip=silu seed 4" in text


def test_the_end_of_a_sweep_asks_nothing_of_the_runs(tmp_path, capsys):
    print_comparison([tmp_path])
    assert capsys.readouterr().out == "0 runs\n"
    store(tmp_path / "a", "relu", 0, None, status="failed", cause="killed")
    print_comparison([tmp_path])
    assert "failed: killed" in capsys.readouterr().out


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_names_stay_names(form, tmp_path, capsys):
    store(tmp_path / "a", "relu", 0, 0.9)
    store(tmp_path / "b", "pact", 0, 0.8, overrides=[f"clip={EVIL}"])
    store(tmp_path / EVIL.replace("/", ""), "silu", 0, None, status="failed", cause=EVIL)
    assert main(["report", str(tmp_path), "--format", form]) == 0
    out = capsys.readouterr()
    assert all(letter.isprintable() or letter == "\n" for letter in out.out + out.err)
    if form == "csv":
        cells = [cell for row in csv.reader(io.StringIO(out.out)) for cell in row]
        assert not [cell for cell in cells if cell.startswith("=")]
        assert any(cell.startswith("'=evil") for cell in cells)
    if form == "html":
        page = (tmp_path / "report.html").read_text()
        assert "<b>" not in page
        assert "http" not in page.replace("http-equiv", "")
    if form == "markdown":
        assert "<b>" not in out.out.replace("\\<b\\>", "")


def loaded_after(*arguments):
    code = (
        "import sys\nfrom clipbench.cli.main import main\n"
        f"try:\n    main({['report', *map(str, arguments)]!r})\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_only_what_is_needed_is_imported(tree):
    assert not {"torch", "hydra", "numpy", "scipy", "matplotlib", "jinja2"} & loaded_after("--help")
    assert not {"torch", "hydra", "matplotlib", "jinja2"} & loaded_after(tree)
    page = loaded_after(tree, "--format", "html")
    assert {"matplotlib", "jinja2"} <= page
    assert not {"torch", "hydra", "torchvision"} & page
