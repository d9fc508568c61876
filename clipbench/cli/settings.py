"""The keys that belong to no target: the root's and the trainer's, with their types and ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge
from pydantic import StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Device = Annotated[str, StringConstraints(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")]


@dataclass(frozen=True)
class Root:
    """The keys at the top of a configuration.

    Attributes:
        seed: The first seed; 0 is a seed like any other.
        num_seeds: How many paired seeds this job trains: ``seed``, ``seed + 1``, ...
        name: A home under ``outputs/`` (letters, digits, dot, dash, underscore); null = by time.
        trust: Packages besides clipbench whose classes this configuration may name.
    """

    seed: Annotated[int, Ge(0)]
    num_seeds: Annotated[int, Ge(1)]
    name: Name | None
    trust: list[str]


@dataclass(frozen=True)
class Trainer:
    """The keys of ``trainer``.

    Attributes:
        epochs: Passes over the training part; the data set's file says its usual budget.
        batch_size: Images per optimizer step.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        log_every: Steps between two samples of loss, thresholds and gradient norm.
    """

    epochs: Annotated[int, Ge(1)]
    batch_size: Annotated[int, Ge(1)]
    device: Device
    log_every: Annotated[int, Ge(1)]
