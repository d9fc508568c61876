"""A run written with all its records, as a trained one would be, in milliseconds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from clipbench.records import provenance
from clipbench.records.histogram import BINS, Histogram
from clipbench.records.journal import JOURNAL_FILE, read
from clipbench.records.recorder import Recorder
from clipbench.records.run_dir import RunDirectory
from clipbench.records.view import end_session

EPOCH_STEPS = 10
UNKNOWN = {"commit": None, "dirty": None, "versions": {}, "machine": {}}


def config_of(clip: str = "learnable", seed: int = 0, **rest: Any) -> dict[str, Any]:
    return {
        "seed": seed,
        "clip": {"_target_": f"clipbench.clips.{clip}.Clip", "init": 1.0, "per": "layer"},
        "data": {"_target_": "clipbench.data.digits.load"},
        "model": {"_target_": "clipbench.models.mlp.MLP", "widths": [16, 8]},
        "optim": {"_target_": "clipbench.optim.adamw.adamw", "lr": 0.005},
        "trainer": {"epochs": 3, "batch_size": 128},
        **rest,
    }


def histogram(low: float, high: float) -> Histogram:
    limits = np.linspace(low, high, BINS + 1)[1:].tolist()
    counts = [1] * BINS
    return Histogram(min=low, max=high, sum=1.0, sum_squares=2.0, num=BINS, limits=limits,
                     counts=counts)  # fmt: skip


def epoch_scalars(epoch: int, seed: int) -> dict[str, float]:
    return {
        "val/accuracy": 0.5 + 0.1 * epoch + 0.01 * seed,
        "val/loss": 1.0 / epoch,
        "sparsity/fc1": 0.4,
        "sparsity/mean": 0.4,
        "saturation/mean": 0.1,
        "activation_quantile/fc1/q50": 0.5,
        "activation_quantile/fc1/q99": 2.0,
    }


def write_records(
    recorder: Recorder, *, clip: str = "learnable", seed: int = 0, epochs: Sequence[int] = (1, 2, 3)
) -> None:
    """Write what the loop would: thresholds at the start, and a sample and an epoch's scalars."""
    name = None if clip == "relu" else "slope" if clip == "prelu" else "upper"
    if name is not None and epochs[0] == 1:
        recorder.write(step=0, epoch=0, scalars={f"threshold/fc1/{name}": 1.0})
    for epoch in epochs:
        step = epoch * EPOCH_STEPS
        scalars = {"train/loss": 2.0 / epoch}
        if name is not None:
            scalars[f"threshold/fc1/{name}"] = 1.0 + 0.1 * epoch + 0.01 * seed
        recorder.write(step=step, epoch=epoch - 1, scalars=scalars)
        recorder.write(
            step=step,
            epoch=epoch,
            scalars=epoch_scalars(epoch, seed),
            histograms={"activation/fc1": histogram(-2.0, 3.0)},
        )


def write_run(
    folder: Path,
    *,
    clip: str = "learnable",
    seed: int = 0,
    status: Any = "finished",
    epochs: int = 3,
    overrides: Sequence[str] | None = None,
    **config: Any,
) -> Path:
    """Write a run and return its folder; one that finished has results, another has none."""
    with mock.patch.object(provenance, "collect", return_value=UNKNOWN), mock.patch("os.fsync"):
        _write_run(folder, clip, seed, status, epochs, overrides, config)
    return folder


def _write_run(
    folder: Path,
    clip: str,
    seed: int,
    status: Any,
    epochs: int,
    overrides: Sequence[str] | None,
    config: dict[str, Any],
) -> None:
    run = RunDirectory.create(
        folder,
        config=config_of(clip, seed, **config),
        device="cpu",
        threads=1,
        stack=1,
        data={"name": "digits"},
        overrides=[f"clip={clip}", f"seed={seed}"] if overrides is None else overrides,
    )
    with Recorder(folder) as recorder:
        recorder.image(step=0, tag="samples", pixels=np.zeros((4, 6, 1), dtype=np.uint8))
        write_records(recorder, clip=clip, seed=seed, epochs=range(1, epochs + 1))
        if status == "finished":
            end = {"test/accuracy": 0.9 + 0.01 * seed, "seconds/total": 5.0}
            recorder.write(step=epochs * EPOCH_STEPS, epoch=epochs, scalars=end)
    if status != "running":
        run.finish(status, results=_results(folder) if status == "finished" else {})
        end_session(folder, status, time=time.time())


def _results(folder: Path) -> dict[str, float]:
    """Return the last value of every tag, as a run's results would be."""
    records, _ = read(folder / JOURNAL_FILE)
    return {tag: value for record in records for tag, value in record["scalars"].items()}


def write_sweep(folder: Path, *, clips: Sequence[str], seeds: Sequence[int]) -> list[Path]:
    """Write finished runs where a sweep would."""
    return [
        write_run(folder / f"clip={clip}" / f"seed={seed}", clip=clip, seed=seed)
        for clip in clips
        for seed in seeds
    ]
