"""The identity of decoded arrays, and the test part of a set that has none."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from clipbench.data.arrays import digests, hold_out_test
from tests.data.tiny_files import colour


def test_digest_is_that_of_the_bytes_in_c_order():
    arrays = colour()
    expected = hashlib.sha256(arrays.train_images.tobytes(order="C")).hexdigest()
    assert digests(arrays)["train_images"] == expected
    fortran = arrays._replace(train_images=np.asfortranarray(arrays.train_images))
    assert digests(fortran)["train_images"] == expected


@pytest.mark.parametrize("part", ["train_images", "train_labels", "test_images", "test_labels"])
def test_each_digest_follows_its_own_array_only(part):
    arrays = colour()
    changed = getattr(arrays, part).copy()
    changed.flat[0] ^= 1
    before, after = digests(arrays), digests(arrays._replace(**{part: changed}))
    assert {name for name in before if before[name] != after[name]} == {part}


def test_hold_out_is_a_stratified_fifth_and_loses_nothing():
    labels = np.repeat(np.array([2, 0, 1], dtype=np.uint8), (50, 53, 11))
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None]
    arrays = hold_out_test(images, labels)
    for label, number in ((2, 50), (0, 53), (1, 11)):
        held = int((arrays.test_labels == label).sum())
        assert abs(held - number / 5) < 1
    together = np.concatenate([arrays.train_images, arrays.test_images]).ravel()
    assert sorted(together.tolist()) == list(range(len(labels)))
    for part_images, part_labels in (arrays[:2], arrays[2:]):
        assert (labels[part_images.ravel()] == part_labels).all()
