"""Batches of a split that lives on one device: gathered there, no workers, nothing to resume.

The order of an epoch is a permutation that depends on the generator of that epoch only; so is the
augmentation. A batch can therefore be made again at any time, and a resumed run skips nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from clipbench.data.augment import Augment
from clipbench.data.images import Split, normalize

MADE_TOGETHER = 4
"""Batches that are made at once: beside the step of a small network each begin of a pass counts."""


@dataclass(frozen=True)
class Plan:
    """What was drawn for one epoch: the order of the samples and the table of augmentations."""

    order: Tensor
    table: Tensor | None


class ShuffledBatches:
    """Training batches: all of one size, in a new order each epoch.

    The samples left over at the end of an epoch are dropped, so that every step weighs the same; a
    split smaller than a batch is one batch.

    Args:
        split: The samples.
        batch_size: Samples a batch.
        mean: By channel ``(C,)``, in pixel units.
        std: The same.
        generator_for: Gives a fresh CPU generator for a purpose ("order" or "augment") and an
            epoch; the same arguments give the same draws.
        augment: What is done to the images, None for nothing.
    """

    def __init__(
        self,
        split: Split,
        *,
        batch_size: int,
        mean: Tensor,
        std: Tensor,
        generator_for: Callable[[str, int], torch.Generator],
        augment: Augment | None,
    ) -> None:
        self.split = split
        self.batch_size = _positive(batch_size)
        self.mean, self.std = mean, std
        self.generator_for = generator_for
        self.augment = augment

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches an epoch."""
        return max(1, len(self.split) // self.batch_size)

    @property
    def images_per_epoch(self) -> int:
        """Number of images an epoch, those left over not counted."""
        return self.steps_per_epoch * min(self.batch_size, len(self.split))

    def epoch(self, epoch: int, *, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images, float32 and normalised, and labels, on the device of the split.

        Args:
            epoch: Decides the order.
            first: The batch to begin with; those before it are skipped.
        """
        plan = self.plan(epoch)
        for start in range(first, self.steps_per_epoch, MADE_TOGETHER):
            stop = min(start + MADE_TOGETHER, self.steps_per_epoch)
            yield from self._batches(plan, start, stop)

    def batch(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """Return one batch of an epoch, bit for bit the one that `epoch` yields.

        Raises:
            IndexError: The epoch has no such batch.
        """
        if not 0 <= index < self.steps_per_epoch:
            raise IndexError(f"an epoch has {self.steps_per_epoch} batches, got index {index}")
        return next(self._batches(self.plan(epoch), index, index + 1))

    def plan(self, epoch: int) -> Plan:
        """Draw what an epoch needs."""
        # Drawn on the CPU, so that every device sees the same; moved once an epoch.
        device = self.split.labels.device
        order = torch.randperm(len(self.split), generator=self.generator_for("order", epoch))
        if self.augment is None:
            return Plan(order.to(device), None)
        size = self.split.images.shape[-1]
        table = self.augment.table(len(self.split), size, self.generator_for("augment", epoch))
        return Plan(order.to(device), table.to(device))

    def rows(self, plan: Plan, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """Return which samples make up batches, and their rows of the augmentation table."""
        chosen = plan.order[start * self.batch_size : stop * self.batch_size]
        return chosen, None if plan.table is None else plan.table.index_select(0, chosen)

    def take(self, chosen: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return images, augmented and normalised, and labels of chosen samples."""
        # Copies whole images, which indexing by a tensor does byte by byte.
        images = self.split.images.index_select(0, chosen)
        labels = self.split.labels.index_select(0, chosen)
        if self.augment is None or rows is None:
            return normalize(images, self.mean, self.std), labels
        images = normalize(self.augment.apply(images, rows), self.mean, self.std)
        return self.augment.cut(images, rows), labels

    def _batches(self, plan: Plan, start: int, stop: int) -> Iterator[tuple[Tensor, Tensor]]:
        images, labels = self.take(*self.rows(plan, start, stop))
        yield from zip(images.split(self.batch_size), labels.split(self.batch_size), strict=True)


class OrderedBatches:
    """Evaluation batches: every sample once, in order; the last batch may be smaller.

    Args:
        split: The samples.
        batch_size: Samples a batch.
        mean: By channel ``(C,)``, in pixel units.
        std: The same.
    """

    def __init__(self, split: Split, *, batch_size: int, mean: Tensor, std: Tensor) -> None:
        self.split = split
        self.batch_size = _positive(batch_size)
        self.mean, self.std = mean, std

    def __len__(self) -> int:
        return -(-len(self.split) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self.split), self.batch_size):
            here = slice(start, start + self.batch_size)
            yield normalize(self.split.images[here], self.mean, self.std), self.split.labels[here]


def _positive(batch_size: int) -> int:
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    return batch_size
