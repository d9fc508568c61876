"""Data: how long a set takes to load, and how many batches a second it gives."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from clipbench.bench.device_clock import device_clock
from clipbench.bench.measure import Measure, Row, ratios
from clipbench.bench.turns import in_turns, timed
from clipbench.data.augment import Augment
from clipbench.data.batches import ShuffledBatches
from clipbench.data.images import ImageData


def loading_row(
    name: str,
    load: Callable[[], ImageData],
    batches_of: Callable[[Augment | None], ShuffledBatches],
    augment: Augment,
    *,
    turns: int,
    told: Callable[[], None],
) -> Row:
    """Measure one set: seconds to load it, batches a second without and with augmentation.

    Args:
        name: Of the set.
        load: Loads it as a run does; where it is fetched at all, the turn to warm up has done it.
        batches_of: Its training batches on the device of a run, under an augmentation.
        augment: What is done to the images with augmentation.
        turns: How many turns count.
        told: Called after each run.
    """
    plain, augmented = batches_of(None), batches_of(augment)
    runs = {"load": timed(load), "plain": _epoch(plain), "augmented": _epoch(augmented)}
    given = in_turns(runs, turns=turns, told=told)
    return Row(
        name,
        {
            "load": Measure("s", tuple(given["load"])),
            "batches": _rate(given["plain"], plain),
            "augmented": _rate(given["augmented"], augmented),
            "augmented to plain": ratios(given["augmented"], given["plain"]),
        },
    )


def usual_augment(image_size: int) -> Augment:
    """Return mirroring and crops by an eighth of the side, as papers do on 32 pixels.

    >>> usual_augment(32)
    Augment(flip=True, crop=4, cutout=0)
    """
    return Augment(flip=True, crop=max(1, image_size // 8))


def _epoch(batches: ShuffledBatches) -> Callable[[], float]:
    epochs = count()

    def exhaust() -> None:
        for _ in batches.epoch(next(epochs)):
            pass

    return timed(exhaust, clock=device_clock(batches.split.labels.device))


def _rate(seconds: list[float], batches: ShuffledBatches) -> Measure:
    return Measure("batches/s", tuple(batches.steps_per_epoch / one for one in seconds))
