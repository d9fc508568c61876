"""The bundled digits: a fixed, stratified test part, whatever the split."""

from __future__ import annotations

import torch

from clipbench.data import digits


def test_facts():
    data = digits.load(val_size=180)
    assert (len(data.train), len(data.val), len(data.test)) == (1258, 180, 359)
    assert (data.in_channels, data.image_size, data.num_classes) == (1, 8, 10)
    assert (data.train.images.min(), data.train.images.max()) == (0, 16)
    assert f"{1258 + 180:,} + 359 images" in digits.CARD.contents


def test_the_test_part_is_stratified_and_fixed():
    first, second = (digits.load(val_size=100, split_seed=seed) for seed in (0, 1))
    assert torch.equal(first.test.images, second.test.images)
    assert not torch.equal(first.val.images, second.val.images)
    rest = torch.cat([first.train.labels, first.val.labels])
    for test, others in zip(first.test.labels.bincount(), rest.bincount(), strict=True):
        assert abs(test - (test + others) / 5) < 1
    # What is published depends on it: the same for ever.
    assert first.provenance["sha256/test_images"].startswith("00517e14cea5")


def test_pixels_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    whole = load_digits()
    data = digits.load(val_size=0)
    assert torch.cat([data.train.images, data.test.images]).sum() == whole.images.sum()
    first_of_test = next(
        i
        for i, image in enumerate(whole.images)
        if torch.equal(torch.from_numpy(image).byte(), data.test.images[0, 0])
    )
    assert whole.target[first_of_test] == data.test.labels[0]
