"""The seeds of a job in groups: one group after the other, or several at the same time.

On a CPU one seed seldom fills more than one core. There groups train at the same time, each in a
process of its own with its share of the threads. What they print goes through the job, which
passes on a request to stop; should the job die, they stop by themselves.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import torch

from clipbench.cli.assemble import load_data, pick_device
from clipbench.cli.children import GRACE, end_with_parent, fork_server
from clipbench.cli.errors import DIVERGED, DONE, SOME_FAILED, guarded
from clipbench.cli.garbage import started
from clipbench.cli.run import run_together
from clipbench.cli.stacks import Shares
from clipbench.cli.stopping import StopRequest, stop_on_signals
from clipbench.data.images import ImageData
from clipbench.records.run_dir import RUN_FILE, RunDirectory, read_run
from clipbench.training.memory import keep_freed_memory

GOOD = (DONE, DIVERGED)
"""How a seed can end without ending the job."""
SIGNALLED = 128
_PAUSE = 0.2


@dataclass(frozen=True)
class Group:
    """Seeds that train together.

    Attributes:
        configs: By run directory, what `run_together` takes.
        keys: Its keyword arguments, but for those that a process makes itself.
    """

    configs: Mapping[Path, Mapping[str, Any]]
    keys: Mapping[str, Any]


def trained(
    groups: Sequence[Group], data: ImageData, *, shares: Shares, stop: StopRequest
) -> Iterator[dict[Path, int]]:
    """Train groups and yield the exit codes of each as it ends.

    After a failure, or a request to stop, no other group is begun.

    Args:
        groups: In the order in which they are begun.
        data: The data set, on the device.
        shares: How many train at a time, and with how many threads.
        stop: Asks all to stop.
    """
    if shares.processes > 1:
        yield from _at_once(groups, shares=shares, stop=stop)
        return
    for group in groups:
        codes = run_together(group.configs, data, stop=stop, **group.keys)
        yield codes
        if _failed(codes) or stop.code is not None:
            return


def _at_once(
    groups: Sequence[Group], *, shares: Shares, stop: StopRequest
) -> Iterator[dict[Path, int]]:
    started()
    waiting, running, told = list(groups), list[_Child](), False
    try:
        while running or waiting:
            if stop.code is not None:
                waiting.clear()
                for child in running if not told else ():
                    child.send(stop.code - SIGNALLED)
                told = True
            while waiting and len(running) < shares.processes:
                running.append(_Child(waiting.pop(0), threads=shares.threads))
            wait([child.said for child in running], timeout=_PAUSE)
            for child in [child for child in running if child.echo()]:
                running.remove(child)
                codes = child.codes()
                if _failed(codes):
                    waiting.clear()
                yield codes
    finally:
        for child in running:
            child.end()


def _failed(codes: Mapping[Path, int]) -> bool:
    return not set(codes.values()) <= set(GOOD)


class _Child:
    """A process that trains one group."""

    def __init__(self, group: Group, *, threads: int) -> None:
        self._paths = list(group.configs)
        context = fork_server()
        self.said, hears = context.Pipe(duplex=False)
        self._process: ForkServerProcess = context.Process(
            target=_train_group, args=(group, hears, self.said), kwargs={"threads": threads}
        )
        self._process.start()
        hears.close()

    def send(self, number: int) -> None:
        """Pass on a signal."""
        if self._process.exitcode is None:
            assert self._process.pid is not None
            os.kill(self._process.pid, number)

    def echo(self) -> bool:
        """Print what the child has said since; return whether it has ended."""
        while self.said.poll():
            text = os.read(self.said.fileno(), 2**16)
            if not text:
                self.said.close()
                self._process.join()
                return True
            sys.stderr.write(text.decode("utf-8", "replace"))
            sys.stderr.flush()
        return False

    def codes(self) -> dict[Path, int]:
        """Return the exit code of each run, as its record tells, or that of the process."""
        code = self._process.exitcode
        assert code is not None
        if code < 0:
            cause = f"killed by {signal.Signals(-code).name}"
            print(f"clipbench: the process of some seeds was {cause}", file=sys.stderr)
            _record_killed(self._paths, cause)
            code = SOME_FAILED
        return {path: _code_of(path, code) for path in self._paths}

    def end(self) -> None:
        """Ask the child to stop, and kill it if it does not."""
        self._process.terminate()
        self._process.join(GRACE)
        self._process.kill()
        self._process.join()


def _train_group(group: Group, hears: Connection, said: Connection, *, threads: int) -> None:
    """Train a group in this process, which exits with its code.

    Args:
        group: What to train.
        hears: Takes what this process prints.
        said: The job's end of it; held here too, a print does not fail while the job is dying.
        threads: CPU threads of this process.
    """
    os.setsid()  # Ctrl-C at the terminal goes to the job, which passes it on
    for stream in (sys.stdout, sys.stderr):
        os.dup2(hears.fileno(), stream.fileno())
    hears.close()
    end_with_parent()
    torch.set_num_threads(threads)
    keep_freed_memory()

    def train() -> int:
        config = next(iter(group.configs.values()))
        with stop_on_signals() as stop:
            data = load_data(config).to(pick_device("cpu"))
            codes = run_together(group.configs, data, stop=stop, **group.keys)
        return next((code for code in codes.values() if code not in GOOD), max(codes.values()))

    sys.exit(guarded(train))


def _code_of(path: Path, otherwise: int) -> int:
    status = read_run(path)["status"] if (path / RUN_FILE).exists() else ""
    return {"finished": DONE, "diverged": DIVERGED}.get(status, otherwise)


def _record_killed(paths: Sequence[Path], cause: str) -> None:
    for path in paths:
        if (path / RUN_FILE).exists() and read_run(path)["status"] == "running":
            RunDirectory.reopen(path).finish("failed", results={}, cause=cause)
