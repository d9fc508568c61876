"""One optimizer update of many seeds at once, each seed as if it were alone.

The forward pass of one model runs under ``vmap`` over the stacked parameters, buffers and batches
of all seeds. Order, augmentation, dropout, batch statistics, gradient norm and gradient clip are
each seed's own, so that the result is that of separate runs up to the rounding of sums whose order
a batched kernel chooses.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from clipbench.clips.base import sites
from clipbench.clips.width import annealed
from clipbench.data.stacked_batches import StackedBatches
from clipbench.grad_clips.base import GradClip, State, Weight
from clipbench.models.dropout import dropout_keys, set_dropout_keys
from clipbench.optim.schedules import apply_schedule
from clipbench.regularizers.base import Regularizer
from clipbench.training.finite import Diverged, first_fault
from clipbench.training.gradients import labelled_weights, threshold_parameters
from clipbench.training.loss import StepLoss, loss_for
from clipbench.training.seed_run import SeedRun
from clipbench.training.seeding import derive
from clipbench.training.stacked_guard import guard_for
from clipbench.training.stacked_state import StackedState
from clipbench.training.traced import Tensors, TracedPasses, traceable


class StackedStep:
    """The update of a stack: what `Step` does for one seed, for all of them in one pass.

    A seed of which a loss, gradient or weight is not finite leaves; the others go on.

    Args:
        runs: The seeds, which have done the same steps, in float32: under ``vmap`` autocast leaves
            more in float32 than for one seed.
        batches: Their training parts, in the same order.
        total_steps: Updates of the whole run.
        grad_clip: What is done to each seed's gradients, None for nothing.
        regularizer: What is added to each seed's loss, None for nothing.
    """

    def __init__(
        self,
        runs: Sequence[SeedRun],
        *,
        batches: StackedBatches,
        total_steps: int,
        grad_clip: GradClip | None = None,
        regularizer: Regularizer | None = None,
    ) -> None:
        model = runs[0].state.model
        self.runs = list(runs)
        self.batches = batches
        self._total_steps = total_steps
        self._grad_clip, self._regularizer = grad_clip, regularizer
        # What is called has numbers of its own, which are never used.
        self._template = copy.deepcopy(model).train()
        self._losses = loss_for(self._template, regularizer)
        self._is_traced = traceable(model, regularizer, steps=total_steps)
        self._drops_out = bool(dropout_keys(model, 0))
        self._kinds = [weight.kind for weight in labelled_weights(model)]
        thresholds = {id(one) for one in threshold_parameters(model)}
        self._thresholds = [n for n, one in model.named_parameters() if id(one) in thresholds]
        self._device = next(model.parameters()).device
        self._guard = guard_for(self._device, seeds=len(runs))
        self._stack()

    def __call__(self, images: Tensor, labels: Tensor, *, sampled: bool) -> None:
        """Make one update.

        Args:
            images: ``(k, N, C, H, W)``.
            labels: ``(k, N)``.
            sampled: Whether losses, gradients and thresholds of this step are to be recorded.
        """
        step = self.runs[0].state.step
        self._prepare(step)
        loss = self._passes(images, labels, step=step)
        norms = global_norms(self._gradients())
        # Behind a clip an infinite weight can leave the loss and every gradient finite.
        whole = loss.total + norms + global_norms([*self._together.parameters.values()])
        lost = self._guard.lost(whole.detach(), step=step)
        if lost:
            kept = self._leave(lost)
            norms, labels = norms[kept], labels[kept]
            loss = StepLoss(
                loss.total[kept], {tag: v[kept] for tag, v in loss.parts.items()}, loss.logits[kept]
            )
        if not self.runs:
            return
        self._note(loss, norms, sampled=sampled)
        self._clip()
        self._guard.update(self._together.optimizer, list(self._together.parameters.values()))
        self._follow(loss.logits.detach(), labels)
        if sampled:
            for run in self.runs:
                run.telemetry.sample()
            self.settle()

    def settle(self) -> None:
        """Let go of the seeds of which a step so far was not finite: before anything is saved."""
        lost = self._guard.poll()
        if lost:
            self._leave(lost)

    def close(self) -> None:
        """Take the hooks off; the seeds keep their numbers."""
        self._losses.close()

    def _stack(self) -> None:
        models = [run.state.model for run in self.runs]
        self._together = StackedState([run.state for run in self.runs])
        self._traced = TracedPasses(partial(self._losses_of, share=0.0))
        # What no optimizer moves needs no projection.
        self._clips = [
            clip
            for model in models
            for clip in sites(model).values()
            if next(clip.parameters(), None) is not None
        ]
        self._widths = [width for model in models for width in annealed(model)]

    def _prepare(self, step: int) -> None:
        """Set the rates and the dropout keys of a step."""
        together, states = self._together, [run.state for run in self.runs]
        for optimizer in (together.optimizer, *(state.optimizer for state in states)):
            apply_schedule(optimizer, states[0].schedule, step)
        together.optimizer.zero_grad(set_to_none=True)
        if self._drops_out:
            keys = [
                dropout_keys(self._template, derive(one.seed, "dropout", step)) for one in states
            ]
            for name in keys[0]:
                together.buffers[name].copy_(torch.tensor([key[name] for key in keys]))

    def _passes(self, images: Tensor, labels: Tensor, *, step: int) -> StepLoss:
        """Give the losses of a step, and leave the gradients with the parameters."""
        parameters: Tensors = {**self._together.parameters}
        buffers = self._together.buffers
        if self._is_traced:
            return self._traced(parameters, buffers, images, labels)
        share = step / self._total_steps
        loss = self._losses_of(parameters, buffers, images, labels, share=share)
        loss.total.sum().backward()  # a seed's gradient is that of its own summand
        return loss

    def _losses_of(
        self,
        parameters: Tensors,
        buffers: Tensors,
        images: Tensor,
        labels: Tensor,
        *,
        share: float,
    ) -> StepLoss:
        def of_one(
            parameters: Tensors, buffers: Tensors, images: Tensor, labels: Tensor
        ) -> tuple[Tensor, Tensors, Tensor]:
            def forward(images: Tensor) -> Tensor:
                logits: Tensor = functional_call(self._template, (parameters, buffers), (images,))
                return logits

            total, parts, logits = self._losses(forward, images, labels=labels, share=share)
            return total, parts, logits

        return StepLoss(*vmap(of_one)(parameters, buffers, images, labels))

    def _gradients(self) -> list[Tensor]:
        found = (parameter.grad for parameter in self._together.parameters.values())
        return [gradient for gradient in found if gradient is not None]

    def _note(self, loss: StepLoss, norms: Tensor, *, sampled: bool) -> None:
        for place, run in enumerate(self.runs):
            run.telemetry.note({tag: part[place] for tag, part in loss.parts.items()})
        if sampled:
            self._together.show_gradients(self._thresholds)
            for run, norm in zip(self.runs, norms, strict=True):
                run.telemetry.sample_gradients(norm)

    def _clip(self) -> None:
        """Replace the gradients by those that each seed's gradient clip makes of them."""
        grad_clip = self._grad_clip
        if grad_clip is None:
            return
        named = zip(self._together.parameters.values(), self._kinds, strict=True)
        owners = [(owner, kind) for owner, kind in named if owner.grad is not None]

        def clip(
            gradients: list[Tensor], values: list[Tensor], state: State
        ) -> tuple[list[Tensor], State]:
            weights = [Weight(v, kind) for v, (_, kind) in zip(values, owners, strict=True)]
            return grad_clip(gradients, weights=weights, state=state)

        gradients, values = self._gradients(), [owner.detach() for owner, _ in owners]
        with torch.no_grad():
            clipped, state = vmap(clip)(gradients, values, self._together.grad_clip_state)
        for (owner, _), gradient in zip(owners, clipped, strict=True):
            owner.grad = gradient
        self._together.remember(state)

    def _follow(self, logits: Tensor, labels: Tensor) -> None:
        """Do what follows the optimizer: project, count."""
        for clip in self._clips:
            clip.project()
        first = self.runs[0].state
        for run in self.runs:
            run.state.step += 1
        for width in self._widths:
            width.anneal(first.step / self._total_steps)
        if not first.optimizer.state:
            self._together.share_optimizer()  # it has made it in this step
        self._together.correct += (logits.argmax(dim=-1) == labels).sum(dim=-1)

    def _leave(self, lost: dict[int, int]) -> list[int]:
        """Let seeds go, by place, each at the step that was not finite; return the others' places.

        Gradients of a step that is being made stay with the seeds that stay.
        """
        for place, step in lost.items():
            run = self.runs[place]
            run.diverged = Diverged(step, self._fault(place, step))
            run.telemetry.flush(run.recorder)
        kept = [place for place in range(len(self.runs)) if place not in lost]
        gradients = {name: one.grad for name, one in self._together.parameters.items()}
        self.runs = [self.runs[place] for place in kept]
        self.batches.keep(kept)
        self._guard.keep(kept)
        if self.runs:
            self._stack()
            for name, gradient in gradients.items():
                self._together.parameters[name].grad = None if gradient is None else gradient[kept]
        return kept

    def _fault(self, place: int, step: int) -> str:
        """Name what was not finite first, by repeating the step with that seed alone."""
        state, share = self.runs[place].state, step / self._total_steps
        batch = divmod(step, self.batches.steps_per_epoch)
        images, labels = self.batches.members[place].batch(*batch)
        set_dropout_keys(state.model, derive(state.seed, "dropout", step))
        losses = loss_for(state.model, self._regularizer)
        try:
            return first_fault(state.model, images, labels, losses=losses, share=share)
        finally:
            losses.close()


def global_norms(tensors: Sequence[Tensor]) -> Tensor:
    """Return the L2 norm over all tensors ``(k, ...)`` together for each seed, ``(k,)``."""
    norms = [torch.linalg.vector_norm(one.reshape(len(one), -1), dim=1) for one in tensors]
    return torch.linalg.vector_norm(torch.stack(norms), dim=0)
