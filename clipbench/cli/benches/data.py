"""The part ``data``: each data set that the words name, digits where they name none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from clipbench.bench.loading import loading_row, usual_augment
from clipbench.bench.measure import Part, Row
from clipbench.cli.assemble import load_data, pick_device
from clipbench.cli.benches.request import Asked, How, label_of
from clipbench.data.augment import Augment
from clipbench.data.batches import ShuffledBatches
from clipbench.data.images import ImageData
from clipbench.training.seeding import generator

TURNS = 10


def measure_data(asked: Asked, how: How, told: Callable[[], None]) -> Part:
    """Measure loading and batches of each set."""
    turns = how.repeats or TURNS
    rows: list[Row] = []
    settings: dict[str, str | int] = {"words": " ".join(asked.words), "turns": turns}
    settings["batch_size"] = asked.config["trainer"]["batch_size"]
    for job in asked.jobs:
        name = label_of(job)
        how.told(f"data: {name}")
        data = load_data(job.config).to(pick_device(job.config["trainer"]["device"]))
        augment = data.augment or usual_augment(data.image_size)
        rows.append(
            loading_row(
                name,
                partial(load_data, job.config),
                partial(_batches, data, job.config),
                augment,
                turns=turns,
                told=told,
            )
        )
        settings[f"{name} augmented"] = (
            f"flip={augment.flip} crop={augment.crop} cutout={augment.cutout}"
        )
    return Part("data", settings, rows)


def _batches(
    data: ImageData, config: Mapping[str, Any], augment: Augment | None
) -> ShuffledBatches:
    return ShuffledBatches(
        data.train,
        batch_size=config["trainer"]["batch_size"],
        mean=data.mean,
        std=data.std,
        generator_for=partial(generator, config["seed"]),
        augment=augment,
    )
