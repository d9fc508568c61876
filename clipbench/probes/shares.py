"""Shares of marked elements, counted exactly on the device."""

from __future__ import annotations

import torch
from torch import Tensor


class Shares:
    """Counts, by tag, how many elements were marked and how many were seen."""

    def __init__(self) -> None:
        self._marked: dict[str, Tensor] = {}
        self._seen: dict[str, int] = {}

    def add(self, tag: str, *, marked: Tensor, seen: int) -> None:
        """Add a count of marked elements (int64, 0-d) among those seen."""
        self._marked[tag] = self._marked[tag] + marked if tag in self._marked else marked
        self._seen[tag] = self._seen.get(tag, 0) + seen

    def totals(self) -> dict[str, tuple[int, int]]:
        """Give (marked, seen) of every tag that has seen an element; reads the device once."""
        if len(self._marked) == 0:
            return {}
        marked = torch.stack(list(self._marked.values())).tolist()
        pairs = zip(self._seen, marked, self._seen.values(), strict=True)
        return {tag: (count, seen) for tag, count, seen in pairs if seen > 0}

    def shares(self) -> dict[str, float]:
        """Give marked / seen, a fraction in [0, 1], of every tag that has seen an element."""
        return {tag: marked / seen for tag, (marked, seen) in self.totals().items()}
