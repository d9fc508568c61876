"""CIFAR-100: 32x32 colour photographs in a hundred fine classes (Krizhevsky 2009)."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from annotated_types import Ge, Lt

from clipbench.data.augment import Augment
from clipbench.data.cifar_family import from_official
from clipbench.data.images import ImageData, assemble
from clipbench.data.sources import FileSet, Source, obtain

CARD = FileSet(
    name="cifar100",
    train=50_000,
    test=10_000,
    image_shape=(32, 32, 3),
    class_names=tuple(
        # A hundred words in the order of their labels, which is that of the alphabet.
        """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
    camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
    cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
    lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
    oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
    spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm
    """.split()  # noqa: SIM905 - as a list it would take a hundred lines
    ),
    sources=(
        Source(
            name="official mirror",
            read=partial(
                from_official,
                "CIFAR100",
                train=["cifar-100-python/train"],
                test=["cifar-100-python/test"],
                labels="fine_labels",
            ),
        ),
    ),
    # The archive is known by its published MD5; what was decoded from it, by the cache's record.
    sha256=None,
)


def load(
    *,
    root: str | None = None,
    val_size: Annotated[int, Ge(1), Lt(50_000)],
    split_seed: Annotated[int, Ge(0)] = 0,
    augment: Augment | None = None,
    offline: bool = False,
) -> ImageData:
    """Return CIFAR-100; for the arguments see `obtain` and `assemble`."""
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
