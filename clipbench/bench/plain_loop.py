"""The reference for the training loop: what one writes by hand in PyTorch, and nothing more.

Images lie normalised in memory; a step gathers its batch and does forward, cross-entropy, backward
and the optimizer's update at the rate of the schedule. No norm of the gradients, no check of the
loss, no accuracy, no record.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from clipbench.bench.device_clock import device_clock
from clipbench.clips.base import sites
from clipbench.data.batches import ShuffledBatches
from clipbench.data.images import normalize
from clipbench.training.compiled import compiled
from clipbench.training.precision import Precision
from clipbench.training.state import TrainState


class PlainLoop:
    """Trains a model by the plainest loop, an epoch at a call.

    Args:
        state: Model, optimizer and schedule, as the other loop has them.
        batches: Say which images, how many a step, and in which order; augmentation is left out.
        precision: ``fp32``, or ``bf16`` for autocast.
        compile_model: Whether the forward and backward pass are compiled.
    """

    def __init__(
        self,
        state: TrainState,
        batches: ShuffledBatches,
        *,
        precision: Precision,
        compile_model: bool = False,
    ) -> None:
        self._state, self._batches = state, batches
        model = state.model
        self._forward: Callable[[Tensor], Tensor] = compiled(model) if compile_model else model
        self._images = normalize(batches.split.images, batches.mean, batches.std)
        self._labels = batches.split.labels
        self._learned = [clip for clip in sites(state.model).values() if list(clip.parameters())]
        device = self._labels.device
        self._clock = device_clock(device)
        self._autocast = torch.autocast(
            device.type, dtype=torch.bfloat16, enabled=precision == "bf16"
        )

    def epoch(self) -> float:
        """Train an epoch and return its seconds."""
        state, size = self._state, self._batches.batch_size
        started = self._clock()
        order = self._order()
        state.model.train()
        for index in range(self._batches.steps_per_epoch):
            chosen = order[index * size : (index + 1) * size]
            self._step(self._images.index_select(0, chosen), self._labels.index_select(0, chosen))
        state.epoch += 1
        return self._clock() - started

    def _step(self, images: Tensor, labels: Tensor) -> None:
        optimizer = self._state.optimizer
        multiplier = self._state.schedule(self._state.step)
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * multiplier
        optimizer.zero_grad(set_to_none=True)
        with self._autocast:
            loss = F.cross_entropy(self._forward(images).float(), labels)
        loss.backward()
        optimizer.step()
        for clip in self._learned:
            clip.project()
        self._state.step += 1

    def _order(self) -> Tensor:
        generator = self._batches.generator_for("order", self._state.epoch)
        return torch.randperm(len(self._labels), generator=generator).to(self._labels.device)
