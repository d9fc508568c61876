"""Run directories as a run leaves them, made up: manifest, journal and predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from clipbench.records.config_hash import config_hash, group_hash
from clipbench.records.journal import JOURNAL_FILE, Journal
from clipbench.records.json_text import sha256, spell
from clipbench.records.run_dir import RUN_FILE
from tests.analysis.made import config_of

LABELS = np.arange(50) % 10
NOTHING: Mapping[str, float] = MappingProxyType({})


def store(
    path: Path,
    clip: str = "relu",
    seed: int = 0,
    accuracy: float | None = 0.9,
    *,
    status: str = "finished",
    cause: str | None = None,
    results: Mapping[str, float] = NOTHING,
    overrides: Sequence[str] | None = None,
    **config: Any,
) -> Path:
    """Write the manifest of a run; one that has a number also gets a journal and predictions."""
    whole = config_of(clip, seed, **config)
    finished = {} if accuracy is None else results_of(accuracy) | dict(results)
    manifest: dict[str, Any] = {
        "format": 1,
        "status": status,
        "config": whole,
        "overrides": [f"clip={clip}", f"seed={seed}"] if overrides is None else [*overrides],
        "config_hash": config_hash(whole),
        "group": group_hash(whole),
        "seed": seed,
        "commit": "0123456789abcdef",
        "dirty": False,
        "versions": {"python": "3.11.7", "torch": "2.13.0", "clipbench": "0.1.0"},
        "device": "cpu",
        "data": {},
        "cause": cause,
        "results": spell(finished),
    }
    path.mkdir(parents=True)
    text = json.dumps({**manifest, "digest": sha256(manifest)})
    (path / RUN_FILE).write_text(text, encoding="ascii")
    if accuracy is not None:
        write_journal(path)
        write_predictions(path, accuracy)
    return path


def results_of(accuracy: float) -> dict[str, float]:
    return {
        "test/accuracy": accuracy,
        "test/loss": 1 - accuracy,
        "test/sparsity/mean": accuracy / 2,
        "test/saturation/conv1": 0.1,
        "test/saturation/conv2": 0.3,
        "test/output_quantile/conv1/max": 3.0,
        "test/output_quantile/conv1/q999": 2.0,
        "threshold/conv1/upper": 1.5,
        "threshold/conv2/upper": 0.5,
        "parameters": 1234.0,
        "parameters/thresholds": 2.0,
    }


def write_journal(path: Path, *, epochs: int = 3) -> None:
    start = {"threshold/conv1/upper": 1.0, "threshold/conv2/upper": 1.0}
    quantiles = {
        f"activation_quantile/{site}/{name}": value
        for site in ("conv1", "conv2")
        for name, value in (("q01", -1.0), ("q50", 0.0), ("q90", 1.0), ("q99", 2.0))
    }
    with Journal(path / JOURNAL_FILE) as journal:
        journal.write(step=0, epoch=0, scalars=start)
        for epoch in range(epochs):
            step = 10 * (epoch + 1)
            sampled = {"grad_norm/total": 1.0 / step, **start}
            journal.write(step=step, epoch=epoch, scalars=sampled)
            ended = {"val/loss": 1.0 / step, "seconds/train": 2.0, **quantiles}
            journal.write(step=step, epoch=epoch + 1, scalars=ended)


def write_predictions(path: Path, accuracy: float) -> None:
    wrong = np.arange(LABELS.size) >= round(accuracy * LABELS.size)
    predictions = np.where(wrong, (LABELS + 1) % 10, LABELS)
    np.savez_compressed(path / "predictions.npz", labels=LABELS, predictions=predictions)


def store_arms(tree: Path, accuracies: Mapping[str, Sequence[float]], **config: Any) -> Path:
    """Write finished runs: for each clip one a seed, from seed 0 on."""
    for clip, values in accuracies.items():
        for seed, value in enumerate(values):
            store(tree / f"clip={clip}" / f"seed={seed}", clip, seed, value, **config)
    return tree
