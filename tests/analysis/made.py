"""Runs made up in memory, where training would add nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from clipbench.analysis.load import Run
from clipbench.records.config_hash import group_hash


def config_of(
    clip: str = "relu", seed: int = 0, *, data: str = "digits", model: str = "cnn", **rest: Any
) -> dict[str, Any]:
    return {
        "seed": seed,
        "clip": {"_target_": f"clipbench.clips.{clip}.Clip"},
        "data": {"_target_": f"clipbench.data.{data}.load"},
        "model": {"_target_": f"clipbench.models.{model}.Model"},
        "optim": {"_target_": "clipbench.optim.adamw.adamw", "lr": 0.01},
        **rest,
    }


def made(
    clip: str = "relu",
    seed: int = 0,
    accuracy: float | None = 0.9,
    *,
    status: str = "finished",
    cause: str | None = None,
    folder: str = "",
    overrides: Sequence[str] | None = None,
    tag: str = "test/accuracy",
    nodes: Mapping[str, Any] = MappingProxyType({}),
    **config: Any,
) -> Run:
    """Make one run; ``nodes`` replace whole groups of its config, ``config`` goes into it."""
    whole = {**config_of(clip, seed, **config), **nodes}
    typed = [f"clip={clip}", f"seed={seed}"] if overrides is None else overrides
    return Run(
        path=Path(folder) / f"clip={clip}" / f"seed={seed}",
        status=status,
        cause=cause,
        config=whole,
        overrides=tuple(typed),
        group=group_hash(whole),
        seed=seed,
        results={} if accuracy is None else {tag: accuracy},
    )


def arms_of(accuracies: Mapping[str, Sequence[float]], **config: Any) -> list[Run]:
    """Make finished runs: for each clip one a seed, from seed 0 on."""
    return [
        made(clip, seed, value, **config)
        for clip, values in accuracies.items()
        for seed, value in enumerate(values)
    ]
