"""Synthetic images: one fixed random pattern a class, plus noise; any number and any size.

For trying things out: no file is read, the classes can be told apart, and the same arguments give
the same images.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from clipbench.data.arrays import digests, hold_out_test
from clipbench.data.augment import Augment
from clipbench.data.images import ImageData, assemble
from clipbench.data.sources import BuiltIn

CARD = BuiltIn(
    name="synthetic", contents="images of any number and size", kept="generated when loaded"
)


def load(
    *,
    num_samples: Annotated[int, Ge(1)],
    image_size: Annotated[int, Ge(1)],
    in_channels: Annotated[int, Ge(1)],
    num_classes: Annotated[int, Ge(2), Le(256)],
    noise: Annotated[float, Ge(0)] = 64.0,
    val_size: Annotated[int, Ge(1)],
    split_seed: Annotated[int, Ge(0)] = 0,
    augment: Augment | None = None,
) -> ImageData:
    """Return images ``pattern[label] + noise``, clipped to a byte; a fifth is the test part.

    Args:
        num_samples: Images in all.
        image_size: Height and width in pixels.
        in_channels: Channels.
        num_classes: Classes; labels go round, so they are balanced.
        noise: Standard deviation in pixel units.
        val_size: See `assemble`.
        split_seed: See `assemble`.
        augment: See `assemble`.

    Raises:
        ValueError: There are less than five samples a class, too few for a test part.
    """
    if num_samples < 5 * num_classes:
        raise ValueError(
            f"data.num_samples must be at least 5 * num_classes = {5 * num_classes}, "
            f"got {num_samples}"
        )
    draw = np.random.default_rng(0)
    # Half of the range, so that the noise is seldom clipped.
    patterns = draw.uniform(64, 192, size=(num_classes, image_size, image_size, in_channels))
    labels = (np.arange(num_samples) % num_classes).astype(np.uint8)
    clean = patterns[labels]
    noisy = clean + noise * draw.standard_normal(clean.shape)
    arrays = hold_out_test(noisy.clip(0, 255).astype(np.uint8), labels)
    found = {f"sha256/{part}": digest for part, digest in digests(arrays).items()}
    return assemble(
        arrays,
        name=CARD.name,
        class_names=tuple(f"class {label}" for label in range(num_classes)),
        provenance={"source": CARD.kept} | found,
        val_size=val_size,
        split_seed=split_seed,
        augment=augment,
    )
