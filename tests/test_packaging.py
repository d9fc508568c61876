"""The wheel: built, installed into an empty environment, run from an empty directory."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def test_every_yaml_of_conf_is_inside(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"clipbench/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert wanted
    assert wanted <= inside
    assert not [name for name in inside if name.startswith(("tests/", "scripts/"))]


def test_it_runs_from_an_empty_directory_in_an_empty_environment(wheel, tmp_path):
    environment, empty = tmp_path / "venv", tmp_path / "empty"
    empty.mkdir()
    run(sys.executable, "-m", "venv", environment, cwd=empty)
    run(environment / "bin" / "python", "-m", "pip", "install", "--quiet",
        "--disable-pip-version-check", wheel, cwd=empty)  # fmt: skip
    clipbench = environment / "bin" / "clipbench"
    assert "learnable" in run(clipbench, "ls", "clips", cwd=empty)
    assert "examples:" in run(clipbench, "train", "--help", cwd=empty)
    assert list(empty.iterdir()) == []
    assert "test accuracy" in run(clipbench, "train", "experiment=smoke", cwd=empty)
    assert (empty / "outputs" / "runs").is_dir()
