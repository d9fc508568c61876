"""Augmentation of whole batches agrees with a loop over images and pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from clipbench.data.augment import Augment


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(number: int = 5, channels: int = 2, size: int = 6, seed: int = 0) -> Tensor:
    # No zeros, so that padding and cutout can be told from the image.
    shape = (number, channels, size, size)
    return torch.randint(1, 256, shape, generator=draw(seed)).byte()


def slow_apply(augment: Augment, image: np.ndarray, row: list[int]) -> np.ndarray:
    flip, top, left, _, _ = row
    channels, size, _ = image.shape
    result = np.zeros_like(image)
    for c, y, x in np.ndindex(channels, size, size):
        source_x = size - 1 - x if flip else x
        from_y, from_x = y + top - augment.crop, source_x + left - augment.crop
        if 0 <= from_y < size and 0 <= from_x < size:
            result[c, y, x] = image[c, from_y, from_x]
    return result


def slow_cut(augment: Augment, image: np.ndarray, row: list[int]) -> np.ndarray:
    *_, centre_y, centre_x = row
    result = image.copy()
    for c, y, x in np.ndindex(*image.shape):
        first_y, first_x = centre_y - augment.cutout // 2, centre_x - augment.cutout // 2
        if first_y <= y < first_y + augment.cutout and first_x <= x < first_x + augment.cutout:
            result[c, y, x] = 0
    return result


options = st.builds(Augment, flip=st.booleans(), crop=st.integers(0, 4), cutout=st.integers(0, 8))


@settings(max_examples=40, deadline=None)
@given(options, st.integers(1, 6), st.integers(0, 1000))
def test_agrees_with_a_loop(augment, size, seed):
    images = batch(size=size, seed=seed)
    rows = augment.table(len(images), size, draw(seed))
    fast = augment.apply(images, rows)
    assert fast.dtype == torch.uint8
    normal = torch.randn(images.shape, generator=draw(seed))
    cut = augment.cut(normal, rows)
    for n, row in enumerate(rows.tolist()):
        assert np.array_equal(fast[n].numpy(), slow_apply(augment, images[n].numpy(), row))
        assert np.array_equal(cut[n].numpy(), slow_cut(augment, normal[n].numpy(), row))


@settings(max_examples=20, deadline=None)
@given(options)
def test_a_sample_is_treated_the_same_in_every_batch(augment):
    images = batch(number=7)
    table = augment.table(7, 6, draw())
    whole = augment.apply(images, table)
    for chosen in (torch.tensor([3]), torch.tensor([6, 0, 3]), torch.randperm(7)):
        assert torch.equal(augment.apply(images[chosen], table[chosen]), whole[chosen])


def test_nothing_chosen_is_the_identity():
    images = batch()
    augment = Augment()
    rows = augment.table(5, 6, draw())
    assert torch.equal(augment.apply(images, rows), images)
    normal = images.float()
    assert torch.equal(augment.cut(normal, rows), normal)


def test_inputs_are_left_as_they_were():
    images = batch()
    normal = images.float()
    augment = Augment(flip=True, crop=2, cutout=3)
    rows = augment.table(5, 6, draw())
    augment.apply(images, rows)
    augment.cut(normal, rows)
    assert torch.equal(images, batch())
    assert torch.equal(normal, batch().float())


def test_the_table_covers_its_ranges_evenly():
    size, number = 5, 20_000
    table = Augment(flip=True, crop=1, cutout=2).table(number, size, draw())
    assert table.dtype == torch.int64
    for column, choices in enumerate((2, 3, 3, size, size)):
        counts = table[:, column].bincount(minlength=choices)
        assert len(counts) == choices
        expected = number / choices
        assert (counts - expected).abs().max() < 5 * expected**0.5


def test_one_option_does_not_shift_another():
    everything = Augment(flip=True, crop=3, cutout=2).table(50, 8, draw())
    for alone, columns in (
        (Augment(flip=True), [0]),
        (Augment(crop=3), [1, 2]),
        (Augment(cutout=2), [3, 4]),
    ):
        table = alone.table(50, 8, draw())
        assert torch.equal(table[:, columns], everything[:, columns])


def test_the_table_follows_the_generator():
    augment = Augment(flip=True, crop=4)
    assert torch.equal(augment.table(9, 8, draw(1)), augment.table(9, 8, draw(1)))
    assert not torch.equal(augment.table(9, 8, draw(1)), augment.table(9, 8, draw(2)))


def test_flip_twice_is_the_identity():
    images = batch()
    rows = torch.zeros(5, 5, dtype=torch.int64)
    rows[:, 0] = 1
    once = Augment(flip=True).apply(images, rows)
    assert torch.equal(once, images.flip(3))
    assert torch.equal(Augment(flip=True).apply(once, rows), images)


def test_padding_is_black_and_cutout_is_the_mean():
    images = batch(number=200, size=4)
    augment = Augment(crop=3, cutout=2)
    rows = augment.table(200, 4, draw())
    cropped = augment.apply(images, rows)
    moved = (rows[:, 1:3] != 3).any(1)
    assert ((cropped == 0).flatten(1).any(1) == moved).all()
    normal = torch.ones(200, 1, 4, 4)
    removed = (augment.cut(normal, rows) == 0).flatten(1).sum(1)
    assert removed.max() == 4
    assert removed.min() == 1  # a centre in the corner: the rest of the square is outside


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_devices_agree():
    images = batch(number=64, channels=3, size=32)
    augment = Augment(flip=True, crop=4, cutout=8)
    rows = augment.table(64, 32, draw())
    on_gpu = augment.apply(images.cuda(), rows.cuda())
    assert torch.equal(on_gpu.cpu(), augment.apply(images, rows))
    cut = augment.cut(images.float().cuda(), rows.cuda())
    assert torch.equal(cut.cpu(), augment.cut(images.float(), rows))
