"""The run that campaigns kill, stop and race: small and quick, with all in it that could be lost.

An MLP of a few thousand weights on synthetic images, with dropout, a new order and augmentation
each epoch, AdamW, a cosine schedule and a learnable clip; saved every 20 steps; 36 epochs are 1,980
steps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clipbench.cli.compose import compose
from clipbench.cli.job import run_job
from clipbench.cli.main import main as clipbench
from clipbench.records.journal import TIME_TAGS, comparable, read
from clipbench.records.run_dir import RUN_FILE, read_run
from clipbench.training.checkpoint import BEST_FILE, read_checkpoint
from clipbench.training.packing import unpack
from scripts.attempt import Attempt

EPOCHS, STEPS_PER_EPOCH, INTERVAL = 36, 55, 20
WORDS = (
    "data=synthetic",
    "data.num_samples=640",  # the test part takes 130
    "data.image_size=8",
    "data.val_size=70",
    "data.augment.flip=true",
    "model=mlp",
    "model.widths=[32]",
    "model.dropout=0.2",
    "clip=learnable",
    "trainer.device=cpu",
    "trainer.batch_size=8",
    f"trainer.save_every={INTERVAL}",
)


class Workload:
    """The run, or the job of several seeds, in a folder: undisturbed once, then as often as wished.

    Args:
        folder: Holds all its runs.
        epochs: How long it is.
        seeds: How many, one after the other.
        more: What else is typed; the steps are those of the workload without it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        epochs: int = EPOCHS,
        seeds: int = 1,
        more: tuple[str, ...] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.seeds, self.steps = folder, seeds, epochs * STEPS_PER_EPOCH
        self.words = (*_without(more), *more, f"trainer.epochs={epochs}", f"num_seeds={seeds}")
        self._config = compose(self.words).jobs[0].config
        whole = folder / "whole"
        with self.attempt(whole) as attempt:
            if attempt.wait() != 0:
                raise RuntimeError((folder / "log").read_text())
        self._whole = [digests(path) for path in self.paths(whole)]

    def paths(self, job: Path) -> list[Path]:
        """Return the run directories of a job."""
        return [job] if self.seeds == 1 else [job / f"seed={n}" for n in range(self.seeds)]

    def begun(self, job: Path) -> list[Path]:
        """Return the run directories of a job in which a run has begun."""
        return [path for path in self.paths(job) if (path / RUN_FILE).exists()]

    def attempt(
        self, job: Path, *, prepare: Callable[[Callable[[], None]], None] = lambda mark: None
    ) -> Attempt:
        """Start a job, or go on with it."""
        action = self._resume if self.begun(job) else self.start
        return Attempt(lambda: action(job), log=self.folder / "log", prepare=prepare)

    def unlike(self, job: Path) -> list[str]:
        """Name the parts in which the end of a job is not that of the undisturbed one."""
        ours = [digests(path) for path in self.paths(job)]
        pairs = zip(ours, self._whole, strict=True)
        return sorted({key for a, b in pairs for key in a if a[key] != b[key]})

    def start(self, job: Path) -> int:
        """Start a job, in this process."""
        return run_job(self._config, folder=job, overrides=self.words, show=lambda path: None)

    def _resume(self, job: Path) -> int:
        return clipbench(["train", f"resume={job}"])


def _without(more: tuple[str, ...]) -> list[str]:
    """Return the words of the workload whose keys are not typed otherwise."""
    keys = {word.partition("=")[0] for word in more}
    drop = {"model"} & keys
    return [
        word
        for word in WORDS
        if (key := word.partition("=")[0]) not in keys and key.partition(".")[0] not in drop
    ]


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


def temporaries(folder: Path) -> list[Path]:
    """Return what durable writes have left behind below a folder."""
    return sorted(folder.rglob(".tmp-*"))


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
