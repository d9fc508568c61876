"""Every run below a folder is in the list: whole, lost or damaged."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clipbench.analysis.load import UNREADABLE, load_runs
from clipbench.records import provenance, run_dir
from clipbench.records.journal import JOURNAL_FILE, Journal
from clipbench.records.reading import RunError
from clipbench.records.run_dir import RUN_FILE, RunDirectory
from tests.analysis.made import config_of, made

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _without_git_and_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = {"commit": None, "dirty": None, "versions": {}, "machine": {}}
    monkeypatch.setattr(provenance, "collect", lambda: unknown)
    monkeypatch.setattr(run_dir, "write_bytes", lambda path, content: path.write_bytes(content))


def _store(path: Path, *, status: Any = "finished", seed: int = 0, **results: float) -> Path:
    overrides = ["clip=gradient", f"seed={seed}"]
    run = RunDirectory.create(
        path,
        config=config_of(seed=seed),
        device="cpu",
        threads=1,
        stack=1,
        data={},
        overrides=overrides,
    )
    if status != "running":
        run.finish(status, results=results, cause=None if status == "finished" else "a cause")
    return path


def test_a_run_is_what_its_manifest_says(tmp_path):
    _store(tmp_path / "a" / "seed=3", seed=3, loss=0.5)
    (run,) = load_runs([tmp_path])
    assert run.path == tmp_path / "a" / "seed=3"
    assert (run.status, run.cause, run.seed) == ("finished", None, 3)
    assert (run.clip, run.data, run.model) == ("gradient", "digits", "cnn")
    assert run.results == {"loss": 0.5}
    assert run.config == config_of(seed=3)
    assert run.overrides == ("clip=gradient", "seed=3")


@pytest.mark.parametrize("status", ["running", "failed", "diverged", "interrupted"])
def test_a_lost_run_is_listed(tmp_path, status):
    _store(tmp_path, status=status)
    (run,) = load_runs([tmp_path])
    assert (run.status, run.results) == (status, {})


def test_a_damaged_run_is_listed_with_its_reason(tmp_path):
    _store(tmp_path / "good")
    manifest = _store(tmp_path / "torn") / RUN_FILE
    manifest.write_bytes(manifest.read_bytes().replace(b"finished", b"FINISHED", 1))
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / RUN_FILE).symlink_to(tmp_path / "good" / RUN_FILE)
    runs = {run.path.name: run for run in load_runs([tmp_path])}
    assert runs["good"].status == "finished"
    for name in ("torn", "link"):
        lost = runs[name]
        assert (lost.status, lost.seed, lost.group, lost.clip) == (UNREADABLE, None, "", "")
    assert "digest" in str(runs["torn"].cause)
    assert "\n" not in str(runs["torn"].cause)


def test_a_closed_folder_is_listed(tmp_path, monkeypatch):
    _store(tmp_path / "open")
    closed = tmp_path / "closed"
    closed.mkdir()
    look = os.scandir

    def refuse(path):
        if Path(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)
    whole, lost = load_runs([tmp_path])
    assert (whole.path.name, lost.path, lost.status) == ("open", closed, UNREADABLE)
    assert lost.cause == "The folder cannot be read: Permission denied."


def test_a_run_counts_once_and_runs_stand_in_the_order_of_their_paths(tmp_path):
    for name in ("b", "a", "c"):
        _store(tmp_path / name)
    runs = load_runs([tmp_path / "b", tmp_path, tmp_path / ".." / tmp_path.name])
    assert [run.path.name for run in runs] == ["b", "a", "c"]


def test_an_empty_folder_has_no_runs_and_a_missing_one_is_refused(tmp_path):
    assert load_runs([tmp_path]) == []
    with pytest.raises(RunError, match="no such folder"):
        load_runs([tmp_path / "nowhere"])


def test_the_journal_is_read_only_when_asked(tmp_path):
    _store(tmp_path)
    (run,) = load_runs([tmp_path])
    with pytest.raises(RunError):
        run.scalars()
    with Journal(tmp_path / JOURNAL_FILE) as journal:
        journal.write(step=1, epoch=0, scalars={"val/loss": 2.0})
    samples, damaged = run.scalars()
    assert [sample.scalars for sample in samples] == [{"val/loss": 2.0}]
    assert damaged == 0


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "relu"),
        (["clip.init=3", "grad_clip=norm"], "relu"),
        (["clip=gradient"], "gradient"),
        (["clip=pact", "clip='gradient'"], "gradient"),
        (["++clip=gradient"], "gradient"),
    ],
)
def test_the_typed_option_counts_before_the_target(overrides, name):
    assert made("relu", overrides=overrides).clip == name


def test_the_room_imports_no_torch():
    modules = sorted((ROOT / "clipbench" / "analysis").glob("*.py"))
    names = ", ".join(f"clipbench.analysis.{path.stem}" for path in modules)
    code = f"import {names}, sys; sys.exit('torch' in sys.modules)"
    assert len(modules) > 10
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
