"""Which seeds of a job train as one stack: as typed, as recorded, or by the rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from clipbench.audit.inputs import audit_inputs
from clipbench.audit.stacking import stacking
from clipbench.cli.assemble import shape_of
from clipbench.cli.audited import REFUSALS, maker
from clipbench.cli.resumption import CHECKPOINTS
from clipbench.data.images import ImageData
from clipbench.records.run_dir import read_run
from clipbench.training.build import build
from clipbench.training.checkpoint import build_model, saved_steps
from clipbench.training.stack_rule import stack_size
from clipbench.training.stacked_state import ELEMENTWISE

Config = Mapping[str, Any]
T = TypeVar("T")


def stack_faults(config: Config) -> list[str]:
    """Say why a stack that was asked for by its size cannot be; nothing where none was."""
    if config["trainer"]["stack"] in ("auto", "off"):
        return []
    return [f"trainer.stack: {why}; use auto or off" for why in obstacles(config)]


def obstacles(config: Config) -> list[str]:
    """Say what keeps the seeds of a configuration from being stacked."""
    found = []
    if config["trainer"]["compile"]:
        found.append("a compiled model cannot be stacked (trainer.compile)")
    if config["trainer"]["precision"] != "fp32":
        found.append("under vmap bf16 is not what it is for one seed (trainer.precision)")
    weight = torch.nn.Parameter(torch.zeros(2, 2))
    groups = [{"params": [weight], "role": "weights", "decay": "weights"}]
    optimizer = build(config["optim"], trust=config["trust"], params=groups)
    if type(optimizer) not in ELEMENTWISE:
        found.append(f"{type(optimizer).__name__} may mix seeds (optim)")
    return found + _of_clip(config)


def _of_clip(config: Config) -> list[str]:
    module = maker(config["clip"], trust=config["trust"])()
    try:
        findings = stacking(module.double().eval(), audit_inputs(module)[:64])
    except REFUSALS as error:
        return [f"the clip could not be tried ({' '.join(str(error).split())[:100]})"]
    return [f"the clip cannot be stacked: {finding.reason}" for finding in findings]


def groups_of(runs: Sequence[T], size: int) -> list[Sequence[T]]:
    """Share seeds out to stacks of at most so many, in their order.

    >>> groups_of([0, 1, 2, 3, 4], 2)
    [[0, 1], [2, 3], [4]]
    """
    return [runs[start : start + size] for start in range(0, len(runs), size)]


def chosen_stack(config: Config, paths: Sequence[Path], data: ImageData) -> int:
    """Return how many seeds of a job train as one stack; 1 for each alone.

    Runs that are gone on with keep the size that they were begun with, so that their numbers stay
    the same.

    Args:
        config: A checked configuration.
        paths: The run directories of the job, in the order of the seeds.
        data: The data set, on the device.
    """
    wanted = config["trainer"]["stack"]
    if wanted == "off" or len(paths) == 1:
        return 1
    if wanted != "auto":
        return int(min(wanted, len(paths)))
    begun = next((path for path in paths if saved_steps(path / CHECKPOINTS)), None)
    if begun is not None:
        return read_run(begun)["stack"]
    model = build_model(config, shape=shape_of(data), seed=0, trust=config["trust"])
    size = stack_size(
        device=data.train.images.device.type,
        model=config["model"]["_target_"],
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        batch_size=config["trainer"]["batch_size"],
        seeds=len(paths),
    )
    return 1 if size > 1 and obstacles(config) else size
