"""Batches: which samples, in which order, how normalised, and how to get one again."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipbench.data.augment import Augment
from clipbench.data.batches import OrderedBatches, ShuffledBatches
from clipbench.data.images import Split, normalize, statistics


def split_of(number: int, size: int = 4) -> Split:
    """Return random images whose label is their index."""
    images = torch.randint(0, 256, (number, 2, size, size), generator=draw("images", 0)).byte()
    return Split(images, torch.arange(number))


def draw(purpose: str, epoch: int) -> torch.Generator:
    return torch.Generator().manual_seed(1000 * len(purpose) + epoch)


def shuffled(split: Split, batch_size: int, augment: Augment | None = None) -> ShuffledBatches:
    mean, std = torch.tensor([100.0, 150.0]), torch.tensor([50.0, 60.0])
    return ShuffledBatches(
        split, batch_size=batch_size, mean=mean, std=std, generator_for=draw, augment=augment
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 5))
def test_every_batch_is_full_and_no_sample_comes_twice(number, batch_size, epoch):
    batches = shuffled(split_of(number), batch_size)
    labels = [labels for _, labels in batches.epoch(epoch)]
    assert len(labels) == batches.steps_per_epoch == max(1, number // batch_size)
    assert {len(chosen) for chosen in labels} == {min(batch_size, number)}
    seen = torch.cat(labels).tolist()
    assert len(set(seen)) == len(seen)


def test_the_order_is_the_permutation_of_the_epoch():
    batches = shuffled(split_of(12), 4)
    for epoch in (0, 1):
        order = torch.randperm(12, generator=draw("order", epoch))
        assert torch.equal(torch.cat([labels for _, labels in batches.epoch(epoch)]), order)
    assert not torch.equal(next(batches.epoch(0))[1], next(batches.epoch(1))[1])


def test_the_global_generator_has_no_part_and_is_left_alone():
    batches = shuffled(split_of(12), 4, Augment(flip=True, crop=1, cutout=1))
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = [images for images, _ in batches.epoch(3)]
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(1)
    for again, images in zip(batches.epoch(3), first, strict=True):
        assert torch.equal(again[0], images)


def test_images_belong_to_their_labels_and_are_normalised():
    split = split_of(12)
    batches = shuffled(split, 5)
    for images, labels in batches.epoch(0):
        assert images.dtype == torch.float32
        assert torch.equal(images, normalize(split.images[labels], batches.mean, batches.std))


@pytest.mark.parametrize("augment", [None, Augment(flip=True, crop=2, cutout=2)])
def test_any_batch_can_be_made_again(augment):
    batches = shuffled(split_of(22), 5, augment)
    for epoch in (0, 4):
        expected = list(batches.epoch(epoch))
        for index in (3, 0, 2):
            images, labels = batches.batch(epoch, index)
            assert torch.equal(images, expected[index][0])
            assert torch.equal(labels, expected[index][1])
    for index in (-1, 4):
        with pytest.raises(IndexError, match="has 4 batches"):
            batches.batch(0, index)


def test_augmentation_does_not_depend_on_the_batch_size_or_move_the_order():
    augment = Augment(flip=True, crop=2, cutout=2)
    split = split_of(24)
    by_label = []
    for batch_size in (4, 8):
        pairs = list(shuffled(split, batch_size, augment).epoch(2))
        labels = torch.cat([labels for _, labels in pairs])
        plain = torch.cat([labels for _, labels in shuffled(split, batch_size).epoch(2)])
        assert torch.equal(labels, plain)
        by_label.append(torch.cat([images for images, _ in pairs])[labels.argsort()])
    assert torch.equal(*by_label)


def test_augmentation_differs_between_epochs_and_cutout_is_zero_after_normalising():
    split = split_of(8)
    batches = shuffled(split, 8, Augment(cutout=2))
    first, second = (batches.batch(epoch, 0) for epoch in (0, 1))
    images = [images[labels.argsort()] for images, labels in (first, second)]
    assert not torch.equal(*images)
    plain = normalize(split.images, batches.mean, batches.std)
    for found in images:
        changed = found != plain
        assert changed.any()
        assert (found[changed] == 0).all()


@given(st.integers(0, 25), st.integers(1, 12))
def test_ordered_batches_visit_every_sample_once_in_order(number, batch_size):
    split = split_of(number)
    mean, std = torch.zeros(2), torch.ones(2)
    batches = OrderedBatches(split, batch_size=batch_size, mean=mean, std=std)
    pairs = list(batches)
    assert len(pairs) == len(batches)
    labels = [label for _, labels in pairs for label in labels.tolist()]
    assert labels == list(range(number))
    if pairs:
        assert torch.equal(torch.cat([images for images, _ in pairs]), split.images.float())
    assert [len(labels) for _, labels in pairs[:-1]] == [batch_size] * (len(pairs) - 1)


@pytest.mark.parametrize("batch_size", [0, -3])
def test_a_batch_has_a_sample(batch_size):
    split = split_of(3)
    with pytest.raises(ValueError, match=f"batch_size must be at least 1, got {batch_size}"):
        shuffled(split, batch_size)
    with pytest.raises(ValueError, match="batch_size"):
        OrderedBatches(split, batch_size=batch_size, mean=torch.zeros(2), std=torch.ones(2))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_sees_the_same_batches():
    split = split_of(64, size=16)
    mean, std = statistics(split.images)

    def batches(device: str) -> ShuffledBatches:
        return ShuffledBatches(
            split.to(device),
            batch_size=16,
            mean=mean.to(device),
            std=std.to(device),
            generator_for=draw,
            augment=Augment(flip=True, crop=2, cutout=4),
        )

    for (images, labels), (gpu_images, gpu_labels) in zip(
        batches("cpu").epoch(1), batches("cuda").epoch(1), strict=True
    ):
        assert gpu_images.is_cuda
        assert torch.equal(labels, gpu_labels.cpu())
        assert torch.allclose(images, gpu_images.cpu(), rtol=0, atol=1e-6)
