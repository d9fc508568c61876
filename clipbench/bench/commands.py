"""Whole commands in processes of their own, by the clock on the wall."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from time import time

TEMPORARY = "clipbench-bench-"
"""How the folder of a run that is only timed begins, among the system's temporary ones."""


class CommandFailed(Exception):
    """A command that was to be timed failed: its exit code, and the end of what it said."""

    def __init__(self, command: Sequence[str], code: int, said: str) -> None:
        last = (said.strip().splitlines() or ["it said nothing"])[-1]
        super().__init__(f"a command to be timed ended with {code}: {' '.join(command)}\n  {last}")
        self.code = code


def started_command(command: Sequence[str]) -> float:
    """Run a command to its end and return when it was started, in seconds since 1970.

    Raises:
        CommandFailed: It did not end with 0.
    """
    started = time()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CommandFailed(command, done.returncode, done.stderr)
    return started


def all_of(commands: Sequence[Sequence[str]]) -> None:
    """Run commands one after the other.

    Raises:
        CommandFailed: One did not end with 0.
    """
    for command in commands:
        started_command(command)
