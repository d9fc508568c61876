"""One optimizer update of one seed, top to bottom: what happens hundreds of times a second."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from clipbench.clips.base import sites
from clipbench.clips.width import annealed
from clipbench.data.batches import ShuffledBatches
from clipbench.grad_clips.base import GradClip
from clipbench.models.dropout import dropout_keys, set_dropout_keys
from clipbench.optim.schedules import apply_schedule
from clipbench.regularizers.base import Regularizer
from clipbench.training.compiled import compiled
from clipbench.training.finite import Diverged, NonFiniteStep, first_fault, guard_for
from clipbench.training.gradients import (
    clip_gradients,
    global_norm,
    gradients_of,
    labelled_weights,
)
from clipbench.training.loss import StepLoss, count_correct, loss_for
from clipbench.training.precision import autocast
from clipbench.training.seed_run import SeedRun
from clipbench.training.seeding import derive
from clipbench.training.update import update_of

COUNTED_TOGETHER = 32
"""Steps whose answers are kept at most until they are counted."""


class Step:
    """The update of a run: forward, loss, backward, clip, check, step, project.

    Nothing in it waits for the device, but the finite check on a CPU, where waiting is free.

    Args:
        run: The seed that is trained.
        batches: Its training part, from which a step that was not finite is repeated.
        total_steps: Updates of the whole run.
        grad_clip: What is done to the gradients, None for nothing.
        regularizer: What is added to the loss, None for nothing.
        compile_model: Whether the forward and backward pass are compiled.
    """

    def __init__(
        self,
        run: SeedRun,
        *,
        batches: ShuffledBatches,
        total_steps: int,
        grad_clip: GradClip | None = None,
        regularizer: Regularizer | None = None,
        compile_model: bool = False,
    ) -> None:
        model = run.state.model
        self.runs = [run]
        self.batches = batches
        self._total_steps = total_steps
        self._grad_clip = grad_clip
        self._weights = labelled_weights(model)
        self._drops_out = bool(dropout_keys(model, 0))
        self._parameters = [weight.value for weight in self._weights]
        self._clips, self._widths = list(sites(model).values()), annealed(model)
        self._device = self._parameters[0].device
        self._guard = guard_for(self._parameters)
        self._update = update_of(run.state.optimizer)
        self._answers: list[tuple[Tensor, Tensor]] = []
        self._losses = loss_for(model, regularizer)
        self._forward: Callable[[Tensor], Tensor] = compiled(model) if compile_model else model
        if compile_model:
            self._warm_up()

    def __call__(self, images: Tensor, labels: Tensor, *, sampled: bool) -> None:
        """Make one update.

        Args:
            images: ``(N, C, H, W)``.
            labels: ``(N,)``.
            sampled: Whether losses, gradients and thresholds of this step are to be recorded.

        Raises:
            Diverged: A loss, gradient or weight was not finite; the update was not made.
        """
        (run,) = self.runs
        state = run.state
        apply_schedule(state.optimizer, state.schedule, state.step)
        if self._drops_out:
            set_dropout_keys(state.model, derive(state.seed, "dropout", state.step))
        for parameter in self._parameters:
            parameter.grad = None  # a tenth of the time that the optimizer needs for it
        loss = self._loss(images, labels, step=state.step)
        loss.total.backward()
        self._look(loss, sampled=sampled)
        self._clip()
        self._update()
        for clip in self._clips:
            clip.project()
        state.step += 1
        for width in self._widths:
            width.anneal(state.step / self._total_steps)
        self._answers.append((loss.logits.detach(), labels))
        if sampled:
            run.telemetry.sample()
            # Where the device is read anyway, so that the samples are free.
            self._check(self._guard.poll)
        if len(self._answers) == COUNTED_TOGETHER:
            self._count()

    def settle(self) -> None:
        """Raise ``Diverged`` if a step so far was not finite; count what was answered right."""
        self._check(self._guard.poll)
        self._count()

    def close(self) -> None:
        """Take off the model what was put on it."""
        self._losses.close()

    def _loss(self, images: Tensor, labels: Tensor, *, step: int) -> StepLoss:
        share = step / self._total_steps
        with autocast(self._device, self.runs[0].precision):
            return self._losses(self._forward, images, labels=labels, share=share)

    def _look(self, loss: StepLoss, *, sampled: bool) -> None:
        """Note what is recorded of a step before its update; stop if a number is not finite."""
        state, telemetry = self.runs[0].state, self.runs[0].telemetry
        telemetry.note(loss.parts)
        number = loss.total.detach()
        if sampled or self._grad_clip is not None:
            norm = global_norm(gradients_of(self._parameters))
            if sampled:
                telemetry.sample_gradients(norm)
            if self._grad_clip is not None:
                number = number + norm  # what it remembers must stay finite
        self._check(partial(self._guard.guard, state.optimizer, number=number, step=state.step))

    def _clip(self) -> None:
        if self._grad_clip is not None:
            state = self.runs[0].state
            state.grad_clip_state = clip_gradients(
                self._weights, self._grad_clip, state=state.grad_clip_state
            )

    def _count(self) -> None:
        """Count the answers of several steps at once, which takes hardly longer than of one."""
        if self._answers:
            logits, labels = zip(*self._answers, strict=True)
            self.runs[0].state.correct += count_correct(torch.cat(logits), torch.cat(labels))
            self._answers.clear()

    def _check(self, guard: Callable[[], None]) -> None:
        try:
            guard()
        except NonFiniteStep as stop:
            raise Diverged(stop.step, self._fault(stop.step)) from None

    def _fault(self, step: int) -> str:
        """Name what was not finite first, by repeating the step: it is a function of its place."""
        state = self.runs[0].state
        images, labels = self.batches.batch(*divmod(step, self.batches.steps_per_epoch))
        set_dropout_keys(state.model, derive(state.seed, "dropout", step))
        share = step / self._total_steps
        with autocast(self._device, self.runs[0].precision):
            return first_fault(state.model, images, labels, losses=self._losses, share=share)

    def _warm_up(self) -> None:
        """Compile before any clock runs; the model and its statistics stay as they are."""
        model = self.runs[0].state.model
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        model.train()
        self._loss(*self.batches.batch(0, 0), step=0).total.backward()
        model.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(before[name])
