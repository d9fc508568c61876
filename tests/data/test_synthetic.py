"""Synthetic images: the size asked for, the same each time, and worth learning."""

from __future__ import annotations

import pytest
import torch

from clipbench.data import synthetic


def load(**changes: object) -> synthetic.ImageData:
    asked = {
        "num_samples": 300,
        "image_size": 6,
        "in_channels": 3,
        "num_classes": 4,
        "val_size": 40,
    }
    return synthetic.load(**(asked | changes))  # type: ignore[arg-type]


def test_sizes():
    data = load()
    assert (data.in_channels, data.image_size, data.num_classes) == (3, 6, 4)
    assert len(data.train) + len(data.val) + len(data.test) == 300
    assert (len(data.val), len(data.test)) == (40, 60)
    for labels in (data.train.labels, data.test.labels):
        assert labels.unique().tolist() == [0, 1, 2, 3]


def test_the_same_arguments_give_the_same_images():
    assert torch.equal(load().train.images, load().train.images)
    assert load().provenance == load().provenance
    assert load().provenance != load(noise=10.0).provenance


def test_the_nearest_class_mean_of_train_tells_the_test_images_apart():
    data = load()
    images, labels = data.train.images.float().flatten(1), data.train.labels
    means = torch.stack([images[labels == label].mean(0) for label in range(4)])
    nearest = torch.cdist(data.test.images.float().flatten(1), means).argmin(1)
    assert (nearest == data.test.labels).float().mean() > 0.95


def test_without_noise_a_class_is_one_image_and_with_much_it_is_hard():
    still = load(noise=0.0).train
    for label in range(4):
        assert (still.images[still.labels == label] == still.images[still.labels == label][0]).all()
    assert len(still.images.unique(dim=0)) == 4


def test_too_few_samples_for_a_test_part():
    with pytest.raises(ValueError, match="num_samples must be at least .* 20, got 19"):
        load(num_samples=19, val_size=0)
    assert len(load(num_samples=20, val_size=0).test) == 4
