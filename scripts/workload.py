"""The run that campaigns kill, stop and race: small and quick, with all in it that could be lost.

An MLP of a few thousand weights on synthetic images, with dropout, a new order and augmentation
each epoch, AdamW, a cosine schedule and a learnable clip; saved every 20 steps; 36 epochs are 1,980
steps. An attempt at it is a forked child, so that torch is imported once, and tells its steps
through shared memory, so that a signal can be aimed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import os
import signal
import struct
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clipbench.cli.compose import compose
from clipbench.cli.job import run_job
from clipbench.cli.main import main as clipbench
from clipbench.records.journal import TIME_TAGS, comparable, read
from clipbench.records.run_dir import read_run
from clipbench.training.checkpoint import BEST_FILE, read_checkpoint
from clipbench.training.packing import unpack
from clipbench.training.step import Step

EPOCHS, STEPS_PER_EPOCH, INTERVAL = 36, 55, 20
WORDS = (
    "data=synthetic",
    "data.num_samples=640",  # a fifth is the test part: 512 are left
    "data.image_size=8",
    "data.val_size=72",
    "data.augment.flip=true",
    "model=mlp",
    "model.widths=[32]",
    "model.dropout=0.2",
    "clip=learnable",
    "trainer.device=cpu",
    "trainer.batch_size=8",
    f"trainer.save_every={INTERVAL}",
)
PAUSE = 0.001
LONGEST = 300.0

_SHARED = struct.Struct("qqq")


def words(epochs: int = EPOCHS) -> tuple[str, ...]:
    """Return what to type for the workload."""
    return (*WORDS, f"trainer.epochs={epochs}")


def config_of(*typed: str) -> dict[str, Any]:
    """Compose a configuration, once for all attempts."""
    return compose(typed).jobs[0].config


class Attempt:
    """A forked child that trains; killed with all its children when the block ends.

    Args:
        action: What it does; returns its exit code.
        log: A file that takes all it prints.
        told: Called in the child after each step with its number.
    """

    def __init__(
        self,
        action: Callable[[], int],
        *,
        log: Path,
        told: Callable[[int], None] = lambda step: None,
    ) -> None:
        self._shared = mmap.mmap(-1, _SHARED.size)
        self._shared[:] = bytes(_SHARED.size)
        self._code: int | None = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of torch sleep at a fork
            self.pid = os.fork()
        if self.pid == 0:
            self._be_the_child(action, log, told)

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
        self, action: Callable[[], int], log: Path, told: Callable[[int], None]
    ) -> None:
        code = 1
        try:
            os.setsid()
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for number in (1, 2):
                os.dup2(descriptor, number)
            os.close(descriptor)
            torch.set_num_threads(1)
            logging.getLogger().handlers.clear()
            self._count_steps(told)
            code = action()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        finally:
            os._exit(code)

    def _count_steps(self, told: Callable[[int], None]) -> None:
        update = Step.__call__

        def counted(step: Step, images: Tensor, labels: Tensor, *, sampled: bool) -> None:
            update(step, images, labels, sampled=sampled)
            done = step.runs[0].state.step
            first, files = self.first, self.open_files
            if first == 0:
                first, files = done, len(os.listdir("/proc/self/fd"))
            self._shared[:] = _SHARED.pack(done, first, files)
            told(done)

        Step.__call__ = counted  # type: ignore[method-assign]


def starting(config: Mapping[str, Any], folder: Path, typed: tuple[str, ...]) -> Callable[[], int]:
    """Return the start of a run in a folder of its own."""
    return lambda: run_job(config, folder=folder, overrides=typed, show=lambda path: None)


def resuming(folder: Path) -> Callable[[], int]:
    """Return ``clipbench train resume=RUN``."""
    return lambda: clipbench(["train", f"resume={folder}"])


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each part of a finished run, times left out.

    Two runs are the same if these are equal: weights, optimizer and counters of the last state and
    of the best, journal, thresholds, sparsity, predictions and results.
    """
    records = [comparable(record) for record in read(folder / "metrics.jsonl")[0]]
    last = read_checkpoint(folder / "checkpoints")
    best = unpack((folder / "checkpoints" / BEST_FILE).read_bytes())
    record = read_run(folder)
    results = {tag: v for tag, v in record["results"].items() if not tag.startswith(TIME_TAGS)}
    with np.load(folder / "predictions.npz") as file:
        predictions = {name: file[name].tolist() for name in sorted(file.files)}
    return {
        "weights": _digest(last["model"]),
        "optimizer": _digest(last["optimizer"]),
        "counters": _digest([last[key] for key in ("epoch", "step", "correct", "best")]),
        "best": _digest({part: best[part] for part in ("model", "optimizer", "step", "epoch")}),
        "journal": _digest(records),
        "thresholds": _digest(_series(records, "threshold")),
        "sparsity": _digest(_series(records, "sparsity")),
        "predictions": _digest(predictions),
        "results": _digest(results),
        "status": record["status"],
    }


def unlike(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Name the parts in which two runs are not the same."""
    return sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))


def in_session(pid: int) -> list[str]:
    """Return the processes of the session that an attempt led, zombies left out."""
    return [found for found, session in _sessions() if session == pid]


def temporaries(folder: Path) -> list[Path]:
    """Return what durable writes have left behind below a folder."""
    return sorted(folder.rglob(".tmp-*"))


def _sessions() -> Iterator[tuple[str, int]]:
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                fields = (process / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                yield process.name, int(fields[3])


def _series(records: list[dict[str, Any]], prefix: str) -> list[object]:
    return [
        (record["step"], {tag: v for tag, v in record["scalars"].items() if tag.startswith(prefix)})
        for record in records
    ]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(tensor: Tensor) -> list[object]:
    """Return a tensor as its type, shape and bytes, which two equal numbers need not share."""
    content = tensor.contiguous().reshape(-1).view(torch.uint8)
    return [str(tensor.dtype), list(tensor.shape), hashlib.sha256(content.numpy()).hexdigest()]
