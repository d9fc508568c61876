"""The keys that belong to no target: of the root, the trainer and the sweep, with their ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt
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
        precision: Of the forward and backward pass: ``fp32``, or ``bf16`` with float32 weights.
        compile: Whether that pass is compiled, which takes up to a minute before the first step.
        stack: How many seeds of a job train at once in one pass: ``auto`` (by a fixed rule on
            device, model and size), ``off``, or at most so many.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        log_every: Steps between two samples of loss, thresholds and gradient norm.
        save_every: Steps between two checkpoints within an epoch; null for one at its end alone.
    """

    epochs: Annotated[int, Ge(1)]
    batch_size: Annotated[int, Ge(1)]
    precision: Literal["fp32", "bf16"]
    compile: bool
    stack: Literal["auto", "off"] | Annotated[int, Ge(2)]
    device: Device
    log_every: Annotated[int, Ge(1)]
    save_every: Annotated[int, Ge(1)] | None


@dataclass(frozen=True)
class Sweep:
    """The keys of ``sweep``: which jobs a sweep has beside the typed lists, and how they fare.

    Attributes:
        points: A list of override sets, one job each: ``[{clip: relu, optim.lr: 0.01}, ...]``.
        zip: Lists of equal length that go together: ``{clip: [relu, silu], seed: [0, 1]}``.
        params: Values to combine, as typed behind ``=``: ``{clip: "relu,silu"}``.
        skip_invalid: Run the good jobs where others are refused.
        fail_fast: Start no more jobs once one has failed.
        retries: How often a failed job is tried again at once.
        timeout: Seconds that a job may take, for all its seeds; null for ever.
        rerun: Results that are thrown away and made again.
        jobs_per_gpu: How many jobs share a visible GPU at a time.
        jobs_at_once: How many jobs of this sweep run on one machine at a time; null for as many as
            the launcher starts, but one a core under ``submitit_local``, which starts all at once.
    """

    points: list[dict[str, Any]]
    zip: dict[str, list[Any]]
    params: dict[str, str | list[Any]]
    skip_invalid: bool
    fail_fast: bool
    retries: Annotated[int, Ge(0)]
    timeout: Annotated[float, Gt(0)] | None
    rerun: list[Literal["diverged", "finished"]]
    jobs_per_gpu: Annotated[int, Ge(1)]
    jobs_at_once: Annotated[int, Ge(1)] | None
