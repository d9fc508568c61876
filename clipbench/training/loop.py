"""The training loop: a run from its first step to its last epoch, on one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Protocol

from torch import Tensor

from clipbench.training.seed_run import SeedRun

FLUSH_SECONDS = 0.25
"""How long samples may wait, so that several are written in one go; a step of a small network is
done before the code that writes a sample has been fetched from memory."""


class Interrupted(Exception):
    """The run was asked to stop and did so between two steps."""


class Batches(Protocol):
    """Training batches whose order depends on the epoch alone."""

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches an epoch."""

    @property
    def images_per_epoch(self) -> int:
        """Number of images an epoch."""

    def epoch(self, epoch: int, *, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch from a given one on."""


class Update(Protocol):
    """One optimizer update, of one seed or of all those of a stack."""

    @property
    def runs(self) -> Sequence[SeedRun]:
        """The seeds that are still trained; all have done the same steps."""

    @property
    def batches(self) -> Batches:
        """The training part."""

    def __call__(self, images: Tensor, labels: Tensor, *, sampled: bool) -> None:
        """Make the update and count it."""

    def settle(self) -> None:
        """Make the states whole, to be read and saved; raise ``Diverged`` if a step was not."""


class Progress(Protocol):
    """Who is told how far the run has come."""

    def step(self) -> None:
        """One step is done."""

    def epoch(self, epoch: int, scalars: Mapping[str, float]) -> None:
        """An epoch is done; these are its scalars."""


def train(  # noqa: C901 -- a run is read on one page, so the loop is not cut up
    update: Update,
    *,
    epochs: int,
    log_every: int,
    save_every: int | None,
    progress: Progress,
    should_stop: Callable[[], bool],
) -> None:
    """Train every seed of ``update`` until ``epochs`` are done, from wherever their states stand.

    Each epoch is validated, recorded and saved; the states hold the scalars of the last one.

    Args:
        update: What one step is.
        epochs: Passes over the training part, those done before included.
        log_every: Steps between two samples.
        save_every: Steps between two saves within an epoch; None for no more than its end.
        progress: Is told of each step and epoch.
        should_stop: Asked between two steps.

    Raises:
        Diverged: A loss or gradient of a seed that trains alone was not finite.
        Interrupted: ``should_stop`` said so; the states are whole and were saved.
    """
    per_epoch = update.batches.steps_per_epoch
    for run in update.runs:
        run.begin()
    flushed = perf_counter()
    try:
        while update.runs and (epoch := update.runs[0].state.epoch) < epochs:
            started, trained_on = perf_counter(), 0
            step, last_step = update.runs[0].state.step, (epoch + 1) * per_epoch
            for run in update.runs:
                run.state.model.train()
            first = step - epoch * per_epoch
            for images, labels in update.batches.epoch(epoch, first=first):
                step += 1
                sampled = step % log_every == 0 or step == last_step
                update(images, labels, sampled=sampled)
                trained_on += labels.shape[-1]
                progress.step()
                if sampled and perf_counter() - flushed >= FLUSH_SECONDS:
                    _flush(update.runs)
                    flushed = perf_counter()
                if should_stop():
                    _save(update)
                    raise Interrupted
                if save_every and step % save_every == 0 and step != last_step:
                    _save(update)
            _end_epoch(update, trained_on, started=started)
            if update.runs:
                progress.epoch(epoch + 1, update.runs[0].state.last)
            if should_stop():
                raise Interrupted
    finally:
        _flush(update.runs)


def _end_epoch(update: Update, trained_on: int, *, started: float) -> None:
    """Validate, record and save each seed.

    Args:
        update: Its seeds share the time that the epoch took.
        trained_on: Images of each seed since ``started``: after a resume, not all of the epoch.
        started: When the clock was started.
    """
    update.settle()
    _flush(update.runs)
    right = [run.state.correct.item() for run in update.runs]  # waits for the device
    trained = perf_counter()
    scalars = {}
    for run, correct in zip(update.runs, right, strict=True):
        seconds = (trained - started) / len(update.runs)
        began = perf_counter()
        validation = run.validate()
        scalars[run.state.seed] = {
            "train/accuracy": correct / update.batches.images_per_epoch,
            "val/loss": validation.loss,
            "val/accuracy": validation.accuracy,
            "speed/images_per_second": trained_on / seconds,
            "seconds/train": seconds,
            "seconds/validation": perf_counter() - began,
        }
    _side_by_side(update.runs, lambda run: run.end_epoch(scalars[run.state.seed]))


def _save(update: Update) -> None:
    update.settle()
    _flush(update.runs)
    _side_by_side(update.runs, lambda run: run.save(run.state))


def _side_by_side(runs: Sequence[SeedRun], work: Callable[[SeedRun], None]) -> None:
    """Do for every seed what waits for the disk: for all of a stack at the same time."""
    if len(runs) == 1:
        work(runs[0])
        return
    with ThreadPoolExecutor() as pool:
        list(pool.map(work, runs))


def _flush(runs: Sequence[SeedRun]) -> None:
    for run in runs:
        run.telemetry.flush(run.recorder)
