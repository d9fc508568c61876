"""One attempt at a run: a forked child, so that torch is imported once, at which signals are aimed.

It tells its steps through memory that it shares with whoever watches it.
"""

from __future__ import annotations

import logging
import mmap
import os
import signal
import struct
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from clipbench.cli import begun
from clipbench.training.loop import Progress, Update

PAUSE = 0.001
LONGEST = 300.0

_SHARED = struct.Struct("qqqq")


class Attempt:
    """A forked child that trains; killed with all its children when the block ends.

    Args:
        action: What it does; returns its exit code.
        log: A file that takes all it prints.
        prepare: Called in the child before; takes a function that raises the child's mark.
    """

    def __init__(
        self,
        action: Callable[[], int],
        *,
        log: Path,
        prepare: Callable[[Callable[[], None]], None] = lambda mark: None,
    ) -> None:
        self._shared = mmap.mmap(-1, _SHARED.size)
        self._shared[:] = bytes(_SHARED.size)
        self._code: int | None = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of torch sleep at a fork
            self.pid = os.fork()
        if self.pid == 0:
            self._be_the_child(action, log, prepare)

    @property
    def step(self) -> int:
        """The last step done; 0 before it has done any."""
        return int(_SHARED.unpack(self._shared[:])[0])

    @property
    def first(self) -> int:
        """The first step done here; 0 before it has done any."""
        return int(_SHARED.unpack(self._shared[:])[1])

    @property
    def open_files(self) -> int:
        """How many files the child had open after its first step; 0 before."""
        return int(_SHARED.unpack(self._shared[:])[2])

    @property
    def marked(self) -> bool:
        """Whether the child has raised its mark."""
        return bool(_SHARED.unpack(self._shared[:])[3])

    def reach(self, step: int) -> bool:
        """Wait until a step is done; False if the attempt ended before."""
        return self.until(lambda: self.step >= step)

    def until(self, event: Callable[[], bool]) -> bool:
        """Wait for an event; False if the attempt ended before it."""
        deadline = time.monotonic() + LONGEST
        while not event():
            if self.ended() is not None:
                return event()
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {LONGEST:.0f} s")
            time.sleep(PAUSE)
        return True

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the child alone."""
        if self.ended() is None:
            os.kill(self.pid, number)

    def ended(self) -> int | None:
        """Return its exit code, minus the number of the signal that killed it, or None."""
        if self._code is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def wait(self, seconds: float = LONGEST) -> int | None:
        """Return how it ended, or None where it is still there after so many seconds."""
        deadline = time.monotonic() + seconds
        while self.ended() is None and time.monotonic() < deadline:
            time.sleep(PAUSE)
        return self._code

    def __enter__(self) -> Attempt:
        return self

    def __exit__(self, *_: object) -> None:
        self.send(signal.SIGKILL)
        self.wait()
        self._shared.close()

    def _be_the_child(
        self,
        action: Callable[[], int],
        log: Path,
        prepare: Callable[[Callable[[], None]], None],
    ) -> None:
        code = 1
        try:
            os.setsid()
            sys.stdout = sys.stderr = open(log, "a", buffering=1, encoding="utf-8")  # noqa: SIM115
            for number in (1, 2):
                os.dup2(sys.stdout.fileno(), number)
            torch.set_num_threads(1)
            logging.getLogger().handlers.clear()
            self._count_steps()
            prepare(self._mark)
            code = action()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        finally:
            os._exit(code)

    def _count_steps(self) -> None:
        train = begun.train

        def counted(update: Update, *, progress: Progress, **rest: Any) -> None:  # noqa: ANN401
            def step() -> None:
                progress.step()
                self._tell(update.runs[0].state.step)

            train(update, progress=SimpleNamespace(step=step, epoch=progress.epoch), **rest)

        begun.train = counted  # type: ignore[assignment]

    def _tell(self, done: int) -> None:
        first, files = self.first, self.open_files
        if first == 0:
            first, files = done, len(os.listdir("/proc/self/fd"))
        self._shared[:] = _SHARED.pack(done, first, files, self.marked)

    def _mark(self) -> None:
        self._shared[:] = _SHARED.pack(self.step, self.first, self.open_files, 1)


def in_session(pid: int) -> list[str]:
    """Return the processes of the session that an attempt led, zombies left out."""
    return [found for found, session in _sessions() if session == pid]


def _sessions() -> Iterator[tuple[str, int]]:
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                fields = (process / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                yield process.name, int(fields[3])
