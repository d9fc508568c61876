"""What a set is: splits that lose nothing, exact statistics, normalised batches."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clipbench.data.arrays import Arrays
from clipbench.data.augment import Augment
from clipbench.data.images import (
    ImageData,
    Split,
    assemble,
    normalize,
    split_validation,
    statistics,
)
from tests.data.tiny_files import colour, grey


def make(arrays: Arrays, *, val_size: int = 2, split_seed: int = 0) -> ImageData:
    return assemble(
        arrays,
        name="tiny",
        class_names=tuple("0123456789"),
        provenance={"source": "here"},
        val_size=val_size,
        split_seed=split_seed,
        augment=Augment(flip=True),
    )


def numbered(number: int) -> Split:
    return Split(torch.zeros(number, 1, 1, 1, dtype=torch.uint8), torch.arange(number))


def test_facts():
    grey_set, colour_set = make(grey(side=7)), make(colour())
    assert (grey_set.in_channels, grey_set.image_size, grey_set.num_classes) == (1, 7, 10)
    assert (colour_set.in_channels, colour_set.image_size) == (3, 32)
    assert colour_set.provenance == {"source": "here"}
    assert colour_set.augment == Augment(flip=True)
    for data in (grey_set, colour_set):
        for split in (data.train, data.val, data.test):
            assert (split.images.dtype, split.labels.dtype) == (torch.uint8, torch.int64)
            assert split.images.is_contiguous()
            assert len(split) == len(split.images)


def test_pixels_keep_their_place():
    arrays = colour()
    data = make(arrays, val_size=0)
    for n, c, y, x in ((0, 0, 0, 0), (3, 1, 5, 30), (5, 2, 31, 7)):
        assert data.train.images[n, c, y, x] == arrays.train_images[n, y, x, c]
    assert torch.equal(data.test.labels, torch.from_numpy(arrays.test_labels).long())


def test_the_arrays_are_not_shared_if_they_are_read_only():
    arrays = grey()
    arrays.train_images.setflags(write=False)
    make(arrays, val_size=0).train.images.zero_()  # torch would warn on a read-only array
    assert arrays.train_images.any()


@given(st.integers(1, 40), st.data(), st.integers(0, 2**31))
def test_split_is_a_partition_in_file_order(number, data, seed):
    val_size = data.draw(st.integers(0, number - 1))
    train, val = split_validation(numbered(number), val_size=val_size, split_seed=seed)
    assert len(val) == val_size
    assert sorted(train.labels.tolist() + val.labels.tolist()) == list(range(number))
    for split in (train, val):
        assert split.labels.tolist() == sorted(split.labels.tolist())


def test_split_depends_on_its_seed_only():
    def held_out(seed: int, size: int = 20) -> list[int]:
        torch.rand(3)  # the global generator has no part in it
        return split_validation(numbered(100), val_size=size, split_seed=seed)[1].labels.tolist()

    assert held_out(0) == held_out(0)
    assert held_out(0) != held_out(1)
    assert len(held_out(10**30)) == 20
    assert set(held_out(0, 10)) < set(held_out(0, 20))


def test_split_never_touches_the_test_part():
    arrays = grey(train=20)
    whole = make(arrays, val_size=0)
    for seed in (0, 1):
        assert torch.equal(make(arrays, val_size=5, split_seed=seed).test.images, whole.test.images)


@pytest.mark.parametrize("val_size", [6, 7, 10**9])
def test_no_training_image_left_is_an_error(val_size):
    with pytest.raises(ValueError, match=f"data.val_size .* got {val_size} of 6"):
        make(grey(train=6), val_size=val_size)


def test_statistics_are_those_of_the_training_part():
    arrays = grey(train=30)
    data = make(arrays, val_size=10)
    mean, std = statistics(data.train.images)
    assert torch.equal(data.mean, mean)
    assert torch.equal(data.std, std)
    assert not torch.equal(data.mean, statistics(make(arrays, val_size=0).train.images)[0])


@pytest.mark.parametrize("shape", [(1, 1, 2, 2), (130, 3, 5, 5), (257, 2, 3, 3)])
def test_statistics_are_exact(shape):
    images = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).byte()
    mean, std = statistics(images)
    for channel in range(shape[1]):
        values = [Fraction(value) for value in images[:, channel].flatten().tolist()]
        exact = sum(values) / len(values)
        variance = sum((value - exact) ** 2 for value in values) / len(values)
        assert mean[channel] == torch.tensor(float(exact), dtype=torch.float32)
        assert std[channel] == torch.tensor(math.sqrt(variance), dtype=torch.float32)


def test_statistics_are_exact_where_float32_sums_are_not():
    # One dark pixel among 2^25 bright ones would vanish from a float32 sum.
    images = torch.full((2**13, 1, 64, 64), 255, dtype=torch.uint8)
    images[0, 0, 0, 0] = 0
    number = images.numel()
    mean, std = statistics(images)
    assert mean.item() == np.float32(255 - 255 / number)
    assert std.item() == np.float32(255 * math.sqrt((1 - 1 / number) / number))


def test_a_constant_channel_normalises_to_zero():
    images = torch.randint(0, 256, (4, 2, 3, 3)).byte()
    images[:, 1] = 77
    mean, std = statistics(images)
    assert (mean[1], std[1]) == (77, 1)
    normal = normalize(images, mean, std)
    assert normal.isfinite().all()
    assert (normal[:, 1] == 0).all()


def test_normalised_training_images_have_mean_zero_and_deviation_one():
    data = make(colour(train=40))
    normal = normalize(data.train.images, data.mean, data.std).double()
    assert normal.mean((0, 2, 3)).abs().max() < 1e-6
    assert (normal.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-6


def test_normalize_agrees_with_a_loop():
    images = torch.randint(0, 256, (3, 2, 4, 4), dtype=torch.uint8)
    mean, std = torch.tensor([10.0, 200.0]), torch.tensor([3.0, 0.5])
    normal = normalize(images, mean, std)
    assert normal.dtype == torch.float32
    for n, c, y, x in np.ndindex(*images.shape):
        assert normal[n, c, y, x] == (images[n, c, y, x] - mean[c]) / std[c]


def test_images_must_be_square():
    arrays = grey()
    with pytest.raises(ValueError, match="square images, tiny has 4x5"):
        make(arrays._replace(train_images=arrays.train_images[:, :4]))


def test_to_moves_every_tensor():
    moved = make(colour()).to("meta")
    tensors = [moved.mean, moved.std]
    for split in (moved.train, moved.val, moved.test):
        tensors += [split.images, split.labels]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert (moved.name, moved.num_classes) == ("tiny", 10)
