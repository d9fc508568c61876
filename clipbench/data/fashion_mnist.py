"""Fashion-MNIST: clothes in the format of MNIST (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Lt

from clipbench.data.augment import Augment
from clipbench.data.images import ImageData, assemble
from clipbench.data.mnist_family import from_folder, from_official
from clipbench.data.sources import FileSet, Source, obtain

DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

CARD = FileSet(
    name="fashion_mnist",
    train=60_000,
    test=10_000,
    image_shape=(28, 28),
    class_names=(
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
    sources=(
        Source(
            name=f"system package {DEBIAN_PACKAGE}",
            read=partial(from_folder, DEBIAN_FOLDER),
            local=True,
        ),
        Source(name="official mirrors", read=partial(from_official, "FashionMNIST")),
    ),
    sha256={
        "train_images": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        "train_labels": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        "test_images": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        "test_labels": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    },
    package=DEBIAN_PACKAGE,
)


def load(
    *,
    root: str | None = None,
    val_size: Annotated[int, Ge(1), Lt(60_000)],
    split_seed: Annotated[int, Ge(0)] = 0,
    augment: Augment | None = None,
    offline: bool = False,
) -> ImageData:
    """Return Fashion-MNIST; for the arguments see `obtain` and `assemble`."""
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
