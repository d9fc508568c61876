"""Our training loop against the plain one: the same model, data, batch and precision, in turns.

An epoch of ours is an epoch of a real run, with its records and checks, by its own clock
(``seconds/train``); evaluation counts on neither side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from clipbench.bench.commands import TEMPORARY
from clipbench.bench.measure import Measure, Row, ratios
from clipbench.bench.plain_loop import PlainLoop
from clipbench.bench.turns import in_turns
from clipbench.data.batches import OrderedBatches, ShuffledBatches
from clipbench.records.recorder import Recorder
from clipbench.training.loop import train
from clipbench.training.precision import Precision
from clipbench.training.seed_run import SeedRun
from clipbench.training.state import TrainState
from clipbench.training.step import Step


class Assembled(Protocol):
    """What a run is made of."""

    @property
    def state(self) -> TrainState: ...  # noqa: D102

    @property
    def train_batches(self) -> ShuffledBatches: ...  # noqa: D102

    @property
    def val_batches(self) -> OrderedBatches: ...  # noqa: D102


class _Silence:
    """A progress display that shows nothing."""

    def step(self) -> None:
        """Show nothing."""

    def epoch(self, epoch: int, scalars: Mapping[str, float]) -> None:
        """Show nothing."""


@dataclass(frozen=True)
class Form:
    """How both loops run.

    Attributes:
        precision: ``fp32`` or ``bf16``.
        compile_model: Whether the forward and backward pass are compiled.
        log_every: Steps between two records of ours.
    """

    precision: Precision
    compile_model: bool
    log_every: int


class OurLoop:
    """Trains by our loop, an epoch at a call.

    Args:
        parts: What the run is made of.
        recorder: Takes its records.
        form: How it runs.
        epochs: How often it will be called.
    """

    def __init__(self, parts: Assembled, recorder: Recorder, form: Form, *, epochs: int) -> None:
        self._log_every = form.log_every
        self._run = SeedRun(
            parts.state, parts.val_batches, [], recorder, save=_forget, precision=form.precision
        )
        self._update = Step(
            self._run,
            batches=parts.train_batches,
            total_steps=epochs * parts.train_batches.steps_per_epoch,
            compile_model=form.compile_model,
        )

    def epoch(self) -> float:
        """Train an epoch and return its seconds without evaluation."""
        state = self._run.state
        train(
            self._update,
            epochs=state.epoch + 1,
            log_every=self._log_every,
            save_every=None,
            progress=_Silence(),
            should_stop=lambda: False,
        )
        return state.last["seconds/train"]


def _forget(state: TrainState, *, best: bool = False) -> None:
    """Save nothing."""


def step_row(
    name: str,
    assemble: Callable[[], Assembled],
    *,
    form: Form,
    turns: int,
    told: Callable[[], None],
) -> Row:
    """Measure one configuration: milliseconds a step of both loops, and their ratio.

    Args:
        name: Of the configuration.
        assemble: Makes the parts of a run anew, always with the same weights; without augmentation,
            gradient clip, regularizer and dropout, which the plain loop does not know.
        form: How both run.
        turns: Epochs of each that count; one before them does not.
        told: Called after each epoch.

    Raises:
        NoCompiler: It shall be compiled, and there is nothing to do it with.
    """
    parts, rival = assemble(), assemble()
    plain = PlainLoop(
        rival.state,
        rival.train_batches,
        precision=form.precision,
        compile_model=form.compile_model,
    )
    with TemporaryDirectory(prefix=TEMPORARY) as folder, Recorder(Path(folder)) as recorder:
        ours = OurLoop(parts, recorder, form, epochs=1 + turns)
        runs = {"ours": ours.epoch, "plain": plain.epoch}
        given = in_turns(runs, turns=turns, told=told)
    steps = parts.train_batches.steps_per_epoch
    return Row(
        name,
        {
            "ours": _per_step(given["ours"], steps),
            "plain": _per_step(given["plain"], steps),
            "ours to plain": ratios(given["ours"], given["plain"]),
        },
    )


def _per_step(seconds: list[float], steps: int) -> Measure:
    return Measure("ms", tuple(1e3 * one / steps for one in seconds))
