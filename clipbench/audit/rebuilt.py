"""A run brought back so that it can be judged: journal, model, and an optimizer like its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer

from clipbench.optim.param_groups import param_groups
from clipbench.records.journal import JOURNAL_FILE, Record, read
from clipbench.records.reading import RunError
from clipbench.records.run_dir import Manifest, read_run
from clipbench.regularizers.threshold_l2 import ThresholdL2
from clipbench.training.build import build, resolve
from clipbench.training.checkpoint import build_model, load_run


@dataclass(frozen=True)
class RebuiltRun:
    """What is left of a run.

    Attributes:
        records: the undamaged lines of its journal; at least one is of a training step.
        model: with the weights of the newest checkpoint, or those it began with if there is none.
        optimizer: new, with the groups, rates and decays the run had.
        penalised: whether its loss held a penalty on the thresholds.
    """

    records: Sequence[Record]
    model: nn.Module
    optimizer: Optimizer
    penalised: bool


def rebuild(folder: Path, *, trust: Sequence[str] = ()) -> RebuiltRun:
    """Read a run directory and build what its configuration says.

    Args:
        folder: the run directory.
        trust: packages besides clipbench whose classes the run may name.

    Raises:
        RunError: the directory holds no readable run, its journal has no training step, or its
            configuration gives no model or no optimizer.
    """
    record = read_run(folder)
    records, _ = read(folder / JOURNAL_FILE)
    if not any("learning_rate" in line["scalars"] for line in records):
        raise RunError(
            "The run has no record of a training step.",
            where=folder / JOURNAL_FILE,
            remedy="It ended before its first sample; repeat it with clipbench rerun.",
        )
    has_checkpoint = any((folder / "checkpoints").glob("*.pt"))
    try:
        model = load_run(folder, trust=trust) if has_checkpoint else _described(record, trust)
        optimizer = build(
            record["config"]["optim"], room="optim", trust=trust, params=param_groups(model)
        )
        penalised = _is_penalised(record["config"], trust)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(
            f"The configuration gives no model or optimizer ({str(error).splitlines()[0][:200]}).",
            where=folder,
            remedy="If it names classes of your own, pass their package as trust=[mypkg].",
        ) from error
    return RebuiltRun(records, model, optimizer, penalised)


def _described(record: Manifest, trust: Sequence[str]) -> nn.Module:
    """Build the model of a run as it began, but for what data rules set."""
    shape = record["data"]["shape"]
    return build_model(record["config"], shape=shape, seed=record["seed"], trust=trust)


def _is_penalised(config: Mapping[str, Any], trust: Sequence[str]) -> bool:
    """Tell whether the loss holds a penalty on the thresholds; an older run may name none."""
    if "regularizer" not in config:
        return False
    return resolve(config["regularizer"]["_target_"], trust=trust) is ThresholdL2
