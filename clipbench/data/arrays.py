"""A set as it is decoded: four uint8 arrays, the same whatever file they came from.

Their identity is the SHA-256 of their bytes in C order. Images are ``(N, H, W)`` or
``(N, H, W, 3)``, labels ``(N,)``.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


class Arrays(NamedTuple):
    """The training and the test part of a set, images and labels."""

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes


def digests(arrays: Arrays) -> dict[str, str]:
    """Return the SHA-256 of each array, under its name."""
    return {
        part: hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
        for part, array in arrays._asdict().items()
    }


def hold_out_test(images: Bytes, labels: Bytes) -> Arrays:
    """Make a test part of a set that has none: every fifth sample of each class, in file order.

    No generator is involved, so the test part is the same for ever and for every `split_seed`.
    """
    is_test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        is_test[np.flatnonzero(labels == label)[2::5]] = True
    return Arrays(images[~is_test], labels[~is_test], images[is_test], labels[is_test])
