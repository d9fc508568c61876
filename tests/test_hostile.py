"""A fast slice of ``scripts/campaign_hostile.py``: nothing that is read does anything."""

from __future__ import annotations

import pytest

from clipbench.cli.main import main
from scripts.campaign_hostile import REFUSED, harm_of
from scripts.hostile import archives, bombs, gadgets, names, payloads, strings
from tests.records.written import write_run


def test_what_would_run_is_refused_and_runs_nothing(smoke_run):
    assert gadgets.works()
    found = {**gadgets.trials(smoke_run), **payloads.trials(smoke_run)}
    assert len(found) == 75 + 30
    chosen = list(found)[3::45]
    assert {name: harm for name in chosen if (harm := harm_of(found[name]))} == {}


def test_archives_names_and_bombs_stay_where_they_are(smoke_run):
    found = {**archives.trials(), **names.trials(smoke_run), **bombs.trials(smoke_run)}
    assert len(found) == 12 + 20 + 3
    chosen = [*archives.trials(), "data get ../up", "aliases of YAML"]
    harm = {name: harm_of(found[name], allowed=(0, *REFUSED)) for name in chosen}
    assert {name: text for name, text in harm.items() if text} == {}


def test_the_witness_sees_what_it_is_there_for():
    import os
    import subprocess
    from pathlib import Path

    def starts() -> int:
        return subprocess.run(["true"]).returncode + 2

    def writes() -> int:
        (Path(os.getcwd()).parent / "elsewhere").write_text("x")
        return 2

    assert "subprocess.Popen" in harm_of(lambda _: starts)
    assert "elsewhere" in harm_of(lambda _: writes)
    assert "exit 0" in harm_of(lambda _: lambda: 0)


@pytest.mark.parametrize("form", ["table", "csv", "markdown", "latex", "html"])
def test_strings_steer_nothing(tmp_path, form, capsys):
    content = (write_run(tmp_path / "made") / "run.json").read_bytes()
    texts = ("plain", *strings.STRINGS[:: 1 if form in ("csv", "latex") else 9])
    benign: set[str] = set()
    for place, text in enumerate(texts):
        folder = tmp_path / f"{place}"
        fields = list(strings.FIELDS)
        strings.lay(content, folder, text, fields[place % len(fields)])
        page = tmp_path / "page.html"
        assert main(["report", str(folder), "--format", form, "--output", str(page)]) == 0
        capsys.readouterr()
        shown = page.read_text(encoding="utf-8")
        if form == "html" and text == "plain":
            benign = strings.shape_of(shown)
        assert strings.fault_of(form, shown, benign=benign) == "", text


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("html", "<p onclick=x>"),
        ("csv", "a,=1+1"),
        ("markdown", "<b>"),
        ("latex", "\\input{x}"),
        ("table", "\x1b[2J"),
    ],
)
def test_a_string_that_does_steer_is_found(form, text):
    assert strings.fault_of(form, text, benign={"p"}) != ""
