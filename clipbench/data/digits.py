"""Digits: handwritten digits of 8x8 pixels with 17 grey values, bundled with scikit-learn.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI 1998 (its test
part). It has no test part of its own: every fifth sample of each digit is held out, 359 of 1,797.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge

from clipbench.data.arrays import digests, hold_out_test
from clipbench.data.augment import Augment
from clipbench.data.images import ImageData, assemble
from clipbench.data.sources import BuiltIn

CARD = BuiltIn(
    name="digits",
    contents="1,438 + 359 images of 8x8, 10 classes",
    kept="bundled with scikit-learn",
)


def load(
    *,
    val_size: Annotated[int, Ge(1)],
    split_seed: Annotated[int, Ge(0)] = 0,
    augment: Augment | None = None,
) -> ImageData:
    """Return the digits, pixels from 0 to 16; for the arguments see `assemble`."""
    from sklearn.datasets import load_digits  # takes over a second to import

    bunch = load_digits()
    arrays = hold_out_test(bunch.images.astype(np.uint8), bunch.target.astype(np.uint8))
    found = {f"sha256/{part}": digest for part, digest in digests(arrays).items()}
    return assemble(
        arrays,
        name=CARD.name,
        class_names=tuple("0123456789"),
        provenance={"source": CARD.kept} | found,
        val_size=val_size,
        split_seed=split_seed,
        augment=augment,
    )
