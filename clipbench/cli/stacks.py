"""How a job shares its seeds out to stacks and processes: as typed, as recorded, or by rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from clipbench.training.stack_rule import process_count, stack_size
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


@dataclass(frozen=True)
class Shares:
    """How a job shares its seeds out.

    Attributes:
        stack: How many train as one stack; 1 for each alone.
        processes: How many stacks train at a time, each in a process of its own; 1 for none.
        threads: CPU threads of each process.
    """

    stack: int
    processes: int
    threads: int


def shares_of(config: Config, paths: Sequence[Path], data: ImageData) -> Shares:
    """Decide how the seeds of a job are shared out.

    Runs that are gone on with keep the stack and the threads that they were begun with, so that
    their numbers stay the same.

    Args:
        config: A checked configuration.
        paths: The run directories of the job, in the order of the seeds.
        data: The data set, on the device.
    """
    has, wanted = torch.get_num_threads(), config["trainer"]["stack"]
    if len(paths) == 1:
        return Shares(stack=1, processes=1, threads=has)
    begun = next((path for path in paths if saved_steps(path / CHECKPOINTS)), None)
    if begun is not None:
        record = read_run(begun)
        threads = min(record["threads"], has)
        stack = _typed(wanted, paths) or record["stack"]
        return Shares(stack, processes=_at_most(has // threads, paths, stack), threads=threads)
    processes = process_count(
        device=data.train.images.device.type,
        threads=has,
        seeds=len(paths),
        steps=len(data.train) // config["trainer"]["batch_size"] * config["trainer"]["epochs"],
    )
    stack = _typed(wanted, paths) or _by_rule(config, data, seeds=-(-len(paths) // processes))
    processes = _at_most(processes, paths, stack)
    return Shares(stack, processes=processes, threads=has // processes)


def _typed(wanted: str | int, paths: Sequence[Path]) -> int | None:
    """Return the size of a stack that was typed, None where it is left open."""
    if isinstance(wanted, int):
        return min(wanted, len(paths))
    return 1 if wanted == "off" else None


def _by_rule(config: Config, data: ImageData, *, seeds: int) -> int:
    model = build_model(config, shape=shape_of(data), seed=0, trust=config["trust"])
    size = stack_size(
        device=data.train.images.device.type,
        model=config["model"]["_target_"],
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        batch_size=config["trainer"]["batch_size"],
        seeds=seeds,
    )
    return 1 if size > 1 and obstacles(config) else size


def _at_most(processes: int, paths: Sequence[Path], stack: int) -> int:
    return min(processes, -(-len(paths) // stack))
