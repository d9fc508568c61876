"""What is recorded about the code and the machine, and what never is."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from clipbench.records import provenance


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "clipbench").mkdir()
    (tmp_path / "clipbench" / "a.py").write_text("a = 1\n")
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, env=environment)
    return tmp_path


def test_a_clean_checkout_names_its_commit(checkout: Path) -> None:
    commit, dirty = provenance.commit_of(checkout)
    assert commit is not None
    assert len(commit) == 40
    assert set(commit) <= set("0123456789abcdef")
    assert dirty is False


@pytest.mark.parametrize("file", ["clipbench/a.py", "clipbench/new.py", "conf/new.yaml"])
def test_changed_and_new_code_is_dirty(checkout: Path, file: str) -> None:
    (checkout / file).parent.mkdir(exist_ok=True)
    (checkout / file).write_text("b = 2\n")
    assert provenance.commit_of(checkout)[1] is True


def test_results_are_not_dirt(checkout: Path) -> None:
    (checkout / "outputs").mkdir()
    (checkout / "outputs" / "run.json").write_text("{}")
    assert provenance.commit_of(checkout)[1] is False


def test_other_variables_do_not_lead_git_astray(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = provenance.commit_of(checkout)
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert provenance.commit_of(checkout) == expected


@pytest.mark.parametrize("case", ["no checkout", "no git", "broken"])
def test_without_an_answer_nothing_is_claimed(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    folder = checkout
    if case == "no checkout":
        folder = checkout / "clipbench"
    if case == "no git":
        monkeypatch.setenv("PATH", "")
    if case == "broken":
        (checkout / ".git" / "HEAD").write_text("nonsense")
    assert provenance.commit_of(folder) == (None, None)


def test_versions_are_those_installed() -> None:
    found = provenance.versions()
    assert found["python"] == platform.python_version()
    assert found["torch"] == version("torch")
    assert found["numpy"] == version("numpy")


def test_no_environment_user_or_host_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPBENCH_SECRET", "hunter2-hunter2")
    text = json.dumps(provenance.collect())
    assert "hunter2" not in text
    assert provenance.collect().keys() == {"commit", "dirty", "versions", "machine"}
    assert platform.node() not in text
