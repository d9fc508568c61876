"""Every command of the README is run, just as it stands there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "bash" for line in text.splitlines() if line]
REAL_DATA = [line for line in COMMANDS if re.search(r"data=(mnist|fashion_mnist|cifar10)", line)]
DASHBOARD = "scripts/clipbench tb outputs/study"
OTHERS = {"scripts/test", DASHBOARD}

EXAMPLE = [line for line in COMMANDS if "--config-dir" in line]
STUDY = "outputs/study"
MAKES_STUDY = next(line for line in COMMANDS if "name=study" in line)
LIGHT = [line for line in COMMANDS if line not in {*REAL_DATA, *OTHERS, *EXAMPLE}]


def shell(line: str, folder: Path) -> str:
    """Run one line as a user would, but in a folder of its own."""
    line = line.replace("scripts/clipbench", f"{ROOT}/scripts/clipbench")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        line,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("readme")


def test_the_readme_has_the_two_commands_and_the_real_sets():
    assert COMMANDS[:2] == ["scripts/clipbench train model=cnn clip=learnable", "scripts/test"]
    assert len(REAL_DATA) >= 3
    assert len(EXAMPLE) == 1


@pytest.mark.parametrize("line", LIGHT)
def test_a_command_runs(line, folder):
    if STUDY in line and line != MAKES_STUDY and not (folder / STUDY).exists():
        shell(MAKES_STUDY, folder)  # a reader has typed it before
    assert shell(line, folder).strip()


def test_the_dashboard_opens_and_ends_on_ctrl_c(folder):
    assert DASHBOARD in COMMANDS
    if not (folder / STUDY).exists():
        shell(MAKES_STUDY, folder)
    command = [str(ROOT / "scripts" / "clipbench"), *DASHBOARD.split()[1:]]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert any("http://127.0.0.1:" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0


@pytest.mark.parametrize("line", REAL_DATA)
def test_a_command_on_real_data_composes(line, folder):
    assert "_target_: clipbench.data." in shell(f"{line} --cfg job", folder)


@pytest.mark.campaign
@pytest.mark.parametrize("line", REAL_DATA)
def test_a_command_on_real_data_runs(line, folder):
    assert "test accuracy" in shell(line, folder)


def test_the_suite_is_what_scripts_check_runs():
    assert (ROOT / "scripts" / "check").read_text().rstrip().endswith("scripts/test")
    assert "scripts/check" in (ROOT / ".ci" / "run").read_text()


def test_a_run_can_be_evaluated_repeated_and_loaded(folder):
    shell("clipbench train experiment=smoke hydra.run.dir=outputs/runs/RUN", folder)
    for line in ("clipbench eval outputs/runs/RUN", "clipbench rerun outputs/runs/RUN clip=prelu"):
        shell(line, folder)
    (code,) = (text for kind, text in BLOCKS if kind == "python" and "load_run" in text)
    (folder / "load.py").write_text(f"{code}\nassert not model.training\nprint(model)\n")
    assert "clip" in shell(f"{sys.executable} load.py", folder)


def test_adding_a_clip_works_as_shown(tmp_path):
    shown = [text for kind, text in BLOCKS if kind in ("python", "yaml")]
    for text in shown:
        named = re.match(r"# (my\S+)\n", text)
        if named:
            file = tmp_path / named[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    assert "test accuracy" in shell(f"{EXAMPLE[0]} experiment=smoke", tmp_path)
    audit = "PYTHONPATH=. clipbench audit target=mypkg.power.PowerReLU trust=[mypkg]"
    assert "FIXED" in shell(audit, tmp_path)


def test_tensorboard_opens_what_a_run_wrote(folder):
    shell("clipbench train experiment=smoke", folder)
    port = 16006
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", "outputs", "--port", str(port)]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1"], cwd=folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        tags = f"http://127.0.0.1:{port}/data/plugin/scalars/tags"
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = urllib.request.urlopen(tags, timeout=5).read().decode()
            except OSError:
                answer = ""
            if "val/accuracy" in answer:
                break
            assert time.monotonic() < deadline, answer
            time.sleep(0.3)
    finally:
        server.terminate()
        server.wait(timeout=20)
