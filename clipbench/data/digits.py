"""Digits: handwritten digits of 8x8 pixels with 17 grey values, bundled with scikit-learn.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI 1998 (its test
part). It has no test part of its own: every fifth sample of each digit is held out, 359 of 1,797.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, Lt

from clipbench.data.arrays import Bytes, digests, hold_out_test
from clipbench.data.augment import Augment
from clipbench.data.images import ImageData, assemble
from clipbench.data.sources import BuiltIn, DataError

CARD = BuiltIn(
    name="digits",
    contents="1,438 + 359 images of 8x8, 10 classes",
    kept="bundled with scikit-learn",
)
_FILE = ("datasets", "data", "digits.csv.gz")


def load(
    *,
    val_size: Annotated[int, Ge(1), Lt(1438)],
    split_seed: Annotated[int, Ge(0)] = 0,
    augment: Augment | None = None,
) -> ImageData:
    """Return the digits, pixels from 0 to 16; for the arguments see `assemble`.

    Raises:
        DataError: scikit-learn does not hold them where it should.
    """
    arrays = hold_out_test(*_bundled())
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


def _bundled() -> tuple[Bytes, Bytes]:
    """Read images and labels from scikit-learn's file; to import it takes over a second."""
    package = find_spec("sklearn")
    places = package.submodule_search_locations if package is not None else None
    try:
        table = np.loadtxt(Path((places or [""])[0], *_FILE), delimiter=",")
    except (OSError, ValueError) as error:
        raise DataError(f"{CARD.name}: {error}\n  Install scikit-learn anew.") from error
    return table[:, :-1].reshape(-1, 8, 8).astype(np.uint8), table[:, -1].astype(np.uint8)
