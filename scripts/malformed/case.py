"""What one malformed input is: how it is laid down, what is asked, and what must be said."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clipbench.cli.main import main

Trial = Callable[[], int]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A malformed input.

    Attributes:
        name: What is wrong, in a few words; no two cases share one.
        lay: Puts the input into an empty folder, which is the working directory of what follows,
            and returns the words of a command line, or something else to try.
        codes: The exit codes that fit.
        named: What the answer must hold: the file or the key.
        said: What stdout or stderr must hold where the command goes on in spite of the damage.
        may_change: The files that the command is there to replace, as a pattern.
    """

    name: str
    lay: Callable[[Path], Sequence[str] | Trial]
    codes: tuple[int, ...]
    named: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    may_change: str = ""


def words(*typed: str) -> Callable[[Path], Sequence[str]]:
    """Return what lays nothing down and asks with these words."""
    return lambda _folder: typed


def base_run(folder: Path) -> Path:
    """Train the smallest run, whose copies are then damaged.

    Raises:
        RuntimeError: It does not train.
    """
    run = folder / "base"
    command = [sys.executable, "-m", "clipbench.cli.main", "train", "experiment=smoke"]
    command += ["trainer.device=cpu", f"hydra.run.dir={run}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return run


def copied(run: Path, folder: Path) -> Path:
    """Copy a run into a folder, under the name ``run``."""
    shutil.copytree(run, folder / "run", symlinks=True)
    return folder / "run"


def command(typed: Sequence[str]) -> Trial:
    """Return a trial that runs a command line in this process."""
    return lambda: main(list(typed))
