"""The part ``step``: the training loop against the plain one, for each configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from clipbench.bench.measure import Part, Row
from clipbench.bench.step import Form, step_row
from clipbench.cli.assemble import assemble, load_data, pick_device
from clipbench.cli.benches.request import Asked, How, label_of
from clipbench.cli.errors import ConfigError
from clipbench.training.compiled import NoCompiler

TURNS = 20


def measure_step(asked: Asked, how: How, told: Callable[[], None]) -> Part:
    """Measure a step under each configuration."""
    turns = how.repeats or TURNS
    rows = []
    for job in asked.jobs:
        label = label_of(job)
        how.told(f"step: {label}")
        rows.append(_row(label, job.config, turns=turns, told=told))
    trainer = asked.config["trainer"]
    keys = ("batch_size", "log_every")
    settings = {"words": " ".join(asked.words), "turns": turns, **{k: trainer[k] for k in keys}}
    return Part("step", settings, rows, ["augmentation is off: the plain loop has none"])


def _row(name: str, config: Mapping[str, Any], *, turns: int, told: Callable[[], None]) -> Row:
    trainer = config["trainer"]
    device = pick_device(trainer["device"])
    data = replace(load_data(config).to(device), augment=None)
    # As many epochs as there are turns, so that the schedule spans them all.
    spanned = {**config, "trainer": {**trainer, "epochs": turns + 1}}
    form = Form(trainer["precision"], trainer["compile"], trainer["log_every"])
    make = partial(assemble, spanned, data, seed=config["seed"], device=device)
    try:
        return step_row(name, make, form=form, turns=turns, told=told)
    except NoCompiler as error:
        raise ConfigError([str(error)]) from error
