"""A sample stays small, takes no element twice, and falls into step with no dimension."""

from __future__ import annotations

import pytest
import torch

from clipbench.probes import even_sample
from clipbench.probes.even_sample import EvenSample, _thin


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even_sample, "SAMPLE_SIZE", 1000)
    sample = EvenSample()
    sizes = []
    for count in [10, 990, 1, 7, 3000, 50_000, 3, 999, *[400] * 50]:
        sample.add(torch.randn(count, 1))
        sizes.append(sum(held.numel() for held in sample._held))
        assert sizes[-1] == sample._size
    assert max(sizes) <= 1000
    assert sizes[-1] >= 400


@pytest.mark.parametrize("size", [2, 3, 10, 64, 97, 1000, 4096, 6 * 7 * 8])
def test_no_element_is_taken_twice(size: int) -> None:
    for count in range(1, size + 1, max(1, size // 7)):
        taken = _thin(torch.arange(size), count)
        assert taken.numel() == count
        assert taken.unique().numel() == count


def test_every_channel_gets_its_turn() -> None:
    # 16 channels of 8 x 8 places in 32 images, one element in 64 taken.
    taken = _thin(torch.arange(32 * 16 * 64), 512)
    channels = torch.bincount(taken // 64 % 16, minlength=16)
    places = torch.bincount(taken % 64, minlength=64)
    assert channels.min() >= 28
    assert channels.max() <= 36
    assert places.min() >= 6
    assert places.max() <= 10
