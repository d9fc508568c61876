"""Counts are exact, and a share of nothing is no number."""

from __future__ import annotations

import torch

from clipbench.probes.shares import Shares


def test_shares_are_of_elements_not_of_batches() -> None:
    shares = Shares()
    shares.add("a", marked=torch.tensor(1), seen=1)
    shares.add("a", marked=torch.tensor(0), seen=3)
    shares.add("b", marked=torch.tensor(2), seen=8)
    assert shares.totals() == {"a": (1, 4), "b": (2, 8)}
    assert shares.shares() == {"a": 0.25, "b": 0.25}


def test_counts_beyond_the_integers_of_float32_stay_exact() -> None:
    shares, many = Shares(), 2**40 + 1
    for _ in range(3):
        shares.add("a", marked=torch.tensor(many), seen=2 * many)
    assert shares.totals() == {"a": (3 * many, 6 * many)}


def test_nothing_seen_gives_nothing() -> None:
    shares = Shares()
    assert shares.shares() == {}
    shares.add("a", marked=torch.tensor(0), seen=0)
    assert shares.shares() == {}
