"""The training loop: one run, top to bottom, on one page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Protocol

import torch
from torch import Tensor

from clipbench.clips.base import sites
from clipbench.clips.width import annealed
from clipbench.data.batches import OrderedBatches, ShuffledBatches
from clipbench.grad_clips.base import GradClip
from clipbench.models.dropout import set_dropout_keys
from clipbench.optim.schedules import apply_schedule
from clipbench.probes.observe import Probe, observe
from clipbench.probes.thresholds import threshold_histograms
from clipbench.records.recorder import Recorder
from clipbench.regularizers.base import Regularizer
from clipbench.training.evaluate import evaluate
from clipbench.training.finite import Diverged, NonFiniteStep, first_fault, guard_for
from clipbench.training.gradients import clip_gradients, labelled_weights
from clipbench.training.loss import count_correct, loss_for
from clipbench.training.seeding import derive
from clipbench.training.state import TrainState
from clipbench.training.telemetry import Telemetry


class Interrupted(Exception):
    """The run was asked to stop and did so between two steps."""


class Progress(Protocol):
    """Who is told how far the run has come."""

    def step(self) -> None:
        """One step is done."""

    def epoch(self, epoch: int, scalars: Mapping[str, float]) -> None:
        """An epoch is done; these are its scalars."""


def train(  # noqa: C901 -- a run is read on one page, so the loop is not cut up
    state: TrainState,
    *,
    train_batches: ShuffledBatches,
    val_batches: OrderedBatches,
    epochs: int,
    log_every: int,
    grad_clip: GradClip | None,
    regularizer: Regularizer | None,
    probes: Sequence[Probe],
    recorder: Recorder,
    progress: Progress,
    should_stop: Callable[[], bool],
    save: Callable[[TrainState], None],
) -> dict[str, float]:
    """Train ``state`` until ``epochs`` are done; record and save at the end of each.

    Returns:
        The scalars of the last epoch.

    Raises:
        Diverged: A loss or gradient was not finite; the weights are those before that step.
        Interrupted: ``should_stop`` said so; the state is whole and was saved.
    """
    model, optimizer = state.model, state.optimizer
    weights = labelled_weights(model)
    clips, widths = list(sites(model).values()), annealed(model)
    device = weights[0].value.device
    guard = guard_for(device)
    telemetry = Telemetry(model)
    scalars: dict[str, float] = {}

    telemetry.sample_thresholds(state)
    total_steps = epochs * train_batches.steps_per_epoch
    losses = loss_for(model, regularizer)
    try:
        while state.epoch < epochs:
            started = perf_counter()
            last_step = (state.epoch + 1) * train_batches.steps_per_epoch
            correct, seen = torch.zeros((), dtype=torch.int64, device=device), 0
            model.train()
            for images, labels in train_batches.epoch(state.epoch):
                apply_schedule(optimizer, state.schedule, state.step)
                set_dropout_keys(model, derive(state.seed, "dropout", state.step))
                optimizer.zero_grad(set_to_none=True)
                share = state.step / total_steps
                loss = losses(model, images, labels=labels, share=share)
                loss.total.backward()
                telemetry.note(loss.parts)
                sampled = (state.step + 1) % log_every == 0 or state.step + 1 == last_step
                if sampled:
                    telemetry.sample_gradients()
                norm, state.grad_clip_state = clip_gradients(
                    weights, grad_clip, state=state.grad_clip_state
                )
                guard.guard(optimizer, loss=loss.total, norm=norm, step=state.step)
                optimizer.step()
                for clip in clips:
                    clip.project()
                state.step += 1
                for width in widths:
                    width.anneal(state.step / total_steps)
                correct += count_correct(loss.logits.detach(), labels)
                seen += len(labels)
                progress.step()
                if sampled:
                    telemetry.sample(state, norm)
                    guard.poll()  # where the device is read, so that the samples are free
                    telemetry.flush(recorder)
                if should_stop():
                    save(state)
                    raise Interrupted
            right = correct.item()  # waits for the device, so that the clock is honest
            trained = perf_counter()

            with observe(model, probes):
                validation = evaluate(model, val_batches)
            state.epoch += 1
            scalars = {
                "train/accuracy": right / seen,
                "val/loss": validation.loss,
                "val/accuracy": validation.accuracy,
                "speed/images_per_second": seen / (trained - started),
                "seconds/train": trained - started,
                "seconds/validation": perf_counter() - trained,
            }
            histograms = threshold_histograms(model)
            for probe in probes:
                scalars |= probe.compute()
                histograms |= probe.histograms()
            recorder.write(
                step=state.step, epoch=state.epoch, scalars=scalars, histograms=histograms
            )
            recorder.sync()
            save(state)
            progress.epoch(state.epoch, scalars)
    except NonFiniteStep as stop:
        images, labels = _batch_of(train_batches, stop.step)
        set_dropout_keys(model, derive(state.seed, "dropout", stop.step))
        share = stop.step / total_steps
        fault = first_fault(model, images, labels, losses=losses, share=share)
        raise Diverged(stop.step, fault) from None
    finally:
        losses.close()
        telemetry.flush(recorder)
    return scalars


def _batch_of(batches: ShuffledBatches, step: int) -> tuple[Tensor, Tensor]:
    """Return the batch that a step used, as order and augmentation are functions of the place."""
    epoch, index = divmod(step, batches.steps_per_epoch)
    return batches.batch(epoch, index)
