"""Seeds that have begun: from their assembly, or saved state, to the results of the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from clipbench.cli.assemble import Assembly, assemble, ordered
from clipbench.cli.conclusion import conclude
from clipbench.cli.pictures import record_samples
from clipbench.cli.progress import progress
from clipbench.cli.resumption import CHECKPOINTS, load_saved
from clipbench.cli.stopping import StopRequest
from clipbench.data.images import ImageData
from clipbench.data.stacked_batches import StackedBatches
from clipbench.records.recorder import Recorder
from clipbench.training.bounds import awaits_bounds, set_bounds
from clipbench.training.checkpoint import save_checkpoint
from clipbench.training.loop import train
from clipbench.training.seed_run import SeedRun
from clipbench.training.stacked import StackedStep
from clipbench.training.state import TrainState
from clipbench.training.step import Step


@dataclass
class Begun:
    """A seed whose run directory is open.

    Attributes:
        path: The run directory.
        config: A checked configuration with this seed.
        parts: The model and all that trains it.
        run: What the loop trains and records.
        started: What `perf_counter` would have said when the run began, had it never stopped.
    """

    path: Path
    config: Mapping[str, Any]
    parts: Assembly
    run: SeedRun
    started: float

    @property
    def total_steps(self) -> int:
        """Updates of the whole run."""
        return int(self.config["trainer"]["epochs"] * self.parts.train_batches.steps_per_epoch)


def begin(
    path: Path,
    config: Mapping[str, Any],
    data: ImageData,
    saved: Mapping[str, Any] | None,
    recorders: ExitStack,
) -> Begun:
    """Assemble a seed, in its saved state where there is one, and open its records."""
    started = perf_counter()
    device = data.train.images.device
    parts = assemble(config, data, seed=config["seed"], device=device)
    if saved is not None:
        load_saved(parts.state, saved, path=path)
        started -= parts.state.seconds
    recorder = recorders.enter_context(Recorder(path))
    if saved is None:
        record_samples(recorder, data)

    def save(state: TrainState, *, best: bool = False) -> None:
        recorder.sync()  # the journal must never be older than the checkpoint
        content = state.state_dict() | {
            "seconds": perf_counter() - started,
            "journal": recorder.journal_size(),
        }
        save_checkpoint(path / CHECKPOINTS, content, step=state.step, best=best)

    run = SeedRun(
        state=parts.state,
        val_batches=parts.val_batches,
        probes=parts.probes,
        recorder=recorder,
        save=save,
        precision=parts.precision,
        resumed=saved is not None,
    )
    return Begun(path, config, parts, run, started)


def train_all(begun: Sequence[Begun], data: ImageData, *, stop: StopRequest, stacked: bool) -> None:
    """Train seeds until their last epoch, as one stack or a single one alone.

    Args:
        begun: All that train at the same time.
        data: The data set, on the device.
        stop: Tells whether to stop between two steps.
        stacked: Whether they are a stack; otherwise it is one seed.

    Raises:
        Diverged: A seed that trains alone did; one of a stack says so itself.
        Interrupted: ``stop`` said so; the states were saved.
    """
    first = begun[0]
    trainer, epochs = first.config["trainer"], first.config["trainer"]["epochs"]
    batches = first.parts.train_batches
    seeds = "+".join(str(one.config["seed"]) for one in begun)
    steps = batches.steps_per_epoch
    watching = progress(epochs=epochs, steps_per_epoch=steps, label=f"{data.name} seed {seeds}")
    update = _stack_of(begun) if stacked else _step_of(begun)
    try:
        with watching as shown:
            train(
                update,
                epochs=epochs,
                log_every=trainer["log_every"],
                save_every=trainer["save_every"],
                progress=shown,
                should_stop=stop,
            )
    finally:
        update.close()


def _stack_of(begun: Sequence[Begun]) -> StackedStep:
    first = begun[0]
    return StackedStep(
        [one.run for one in begun],
        batches=StackedBatches([one.parts.train_batches for one in begun]),
        total_steps=first.total_steps,
        grad_clip=first.parts.grad_clip,
        regularizer=first.parts.regularizer,
    )


def _step_of(begun: Sequence[Begun]) -> Step:
    (one,) = begun
    return Step(
        one.run,
        batches=one.parts.train_batches,
        total_steps=one.total_steps,
        grad_clip=one.parts.grad_clip,
        regularizer=one.parts.regularizer,
        compile_model=one.config["trainer"]["compile"],
    )


def concluded(one: Begun, data: ImageData) -> dict[str, float]:
    """Use the test part once; return the results under the journal's tags."""
    state, precision = one.run.state, one.parts.precision
    if awaits_bounds(state.model):
        set_bounds(state.model, ordered(data, "train", one.config), precision=precision)
        one.run.save(state)  # in place of the one without bounds
    return conclude(one.parts, data, one.run.recorder, path=one.path, started=one.started)
