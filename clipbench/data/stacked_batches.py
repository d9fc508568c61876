"""Batches of many seeds at once: each seed's own order and augmentation, one gather for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from clipbench.data.batches import ShuffledBatches


class StackedBatches:
    """The training batches of seeds that go through the same split at the same pace.

    Args:
        members: Those of each seed; they differ in their generators alone.
    """

    def __init__(self, members: Sequence[ShuffledBatches]) -> None:
        self.members = list(members)
        self._first = members[0]

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches an epoch."""
        return self._first.steps_per_epoch

    @property
    def images_per_epoch(self) -> int:
        """Number of images an epoch of each seed."""
        return self._first.images_per_epoch

    def keep(self, places: Sequence[int]) -> None:
        """Go on with the seeds at these places alone, also in an epoch that has begun."""
        self.members = [self.members[place] for place in places]

    def epoch(self, epoch: int, *, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images ``(k, N, C, H, W)`` and labels ``(k, N)``; each row is a seed's own batch.

        Args:
            epoch: Decides the orders.
            first: The batch to begin with.
        """
        plans = {member: member.plan(epoch) for member in self.members}
        for index in range(first, self.steps_per_epoch):
            if not self.members:
                return
            parts = [member.rows(plans[member], index, index + 1) for member in self.members]
            yield self._take([chosen for chosen, _ in parts], [rows for _, rows in parts])

    def _take(
        self, chosen: Sequence[Tensor], rows: Sequence[Tensor | None]
    ) -> tuple[Tensor, Tensor]:
        drawn = [row for row in rows if row is not None]
        images, labels = self._first.take(
            torch.cat(list(chosen)), torch.cat(drawn) if drawn else None
        )
        seeds = len(chosen)
        return images.unflatten(0, (seeds, -1)), labels.unflatten(0, (seeds, -1))
