"""From a checked configuration (plain dicts) to the objects of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from clipbench.cli.errors import ConfigError
from clipbench.data.batches import OrderedBatches, ShuffledBatches
from clipbench.data.images import ImageData
from clipbench.optim.param_groups import param_groups
from clipbench.probes.observe import Probe
from clipbench.training.build import build
from clipbench.training.calibrate import calibrate
from clipbench.training.checkpoint import build_model
from clipbench.training.gradients import GradClip
from clipbench.training.seeding import generator
from clipbench.training.state import TrainState

Config = Mapping[str, Any]
NO_GRAD_CLIP = "clipbench.grad_clips.none.none"


@dataclass(frozen=True)
class Assembly:
    """Everything the loop needs for one seed, on the device."""

    state: TrainState
    train_batches: ShuffledBatches
    val_batches: OrderedBatches
    test_batches: OrderedBatches
    grad_clip: GradClip | None
    probes: Sequence[Probe]


def pick_device(name: str) -> torch.device:
    """Return the device of that name; ``auto`` is a CUDA GPU where there is one, else the CPU.

    Raises:
        ConfigError: The device was asked for by name and is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    count = torch.cuda.device_count()
    absent = (device.type == "cuda" and (device.index or 0) >= count) or (
        device.type == "mps" and not torch.backends.mps.is_available()
    )
    if absent:
        fault = f"trainer.device: there is no '{name}' on this machine; use auto or cpu"
        raise ConfigError([fault])
    return device


def load_data(config: Config) -> ImageData:
    """Load the data set of a configuration, on the CPU.

    Raises:
        ConfigError: The set refuses its arguments in this combination.
        DataError: No source gives the set.
    """
    try:
        data = build(config["data"], trust=config["trust"])
    except ValueError as error:
        raise ConfigError([f"data: {error}"]) from error
    assert isinstance(data, ImageData)
    return data


def shape_of(data: ImageData) -> dict[str, int]:
    """Return what a model needs to know of the data."""
    return {
        "in_channels": data.in_channels,
        "image_size": data.image_size,
        "num_classes": data.num_classes,
    }


def make_probes(config: Config) -> list[Probe]:
    """Return fresh probes, one of each chosen kind."""
    return [build(node, trust=config["trust"]) for node in config["probe"].values()]


def ordered(data: ImageData, part: str, config: Config) -> OrderedBatches:
    """Return the batches of a part (``val`` or ``test``) in the order of the data."""
    split = {"val": data.val, "test": data.test}[part]
    size = config["trainer"]["batch_size"]
    return OrderedBatches(split, batch_size=size, mean=data.mean, std=data.std)


def assemble(config: Config, data: ImageData, *, seed: int, device: torch.device) -> Assembly:
    """Build model, batches, optimizer, schedule, gradient clip and probes of one seed.

    The order is fixed: weights are drawn and scaled for the clip, then thresholds with a data rule
    are set from the first clean batch, then the optimizer is made.

    Raises:
        ConfigError: A part refuses its arguments in this combination.
    """
    try:
        return _assemble(config, data, seed=seed, device=device)
    except (ValueError, TypeError) as error:
        raise ConfigError([str(error)]) from error


def _assemble(config: Config, data: ImageData, *, seed: int, device: torch.device) -> Assembly:
    trust, batch_size = config["trust"], config["trainer"]["batch_size"]
    draw = partial(generator, seed)
    scale = {"mean": data.mean, "std": data.std}
    batches = ShuffledBatches(
        data.train, batch_size=batch_size, generator_for=draw, augment=data.augment, **scale
    )
    clean = ShuffledBatches(
        data.train, batch_size=batch_size, generator_for=draw, augment=None, **scale
    )
    model = build_model(config, shape=shape_of(data), seed=seed, trust=trust)
    # Channels last: up to twice as fast in convolutions, the same arithmetic.
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    calibrate(model, clean.batch(0, 0)[0])
    optimizer = build(config["optim"], trust=trust, params=param_groups(model))
    total_steps = config["trainer"]["epochs"] * batches.steps_per_epoch
    schedule = build(config["schedule"], trust=trust, total_steps=total_steps)
    return Assembly(
        state=TrainState(model, optimizer, schedule, seed),
        train_batches=batches,
        val_batches=ordered(data, "val", config),
        test_batches=ordered(data, "test", config),
        grad_clip=grad_clip_of(config),
        probes=make_probes(config),
    )


def grad_clip_of(config: Config) -> GradClip | None:
    """Return the gradient clip, or None for the one that changes nothing, which costs nothing."""
    node, trust = config["grad_clip"], config["trust"]
    if node["_target_"] == NO_GRAD_CLIP:
        return None
    bound: GradClip = build({**node, "_partial_": True}, trust=trust)
    return bound


def trial_faults(config: Config) -> list[str]:
    """Build the parts that need no data once, to find arguments that a part itself refuses.

    Only for a configuration that has passed the check of keys, types and ranges.
    """
    trust = config["trust"]
    weight = torch.nn.Parameter(torch.zeros(2, 2))
    dummies: dict[str, dict[str, Any]] = {
        "clip": {"num_features": 1024},
        "optim": {"params": [{"params": [weight], "role": "weights", "decay": "weights"}]},
        "schedule": {"total_steps": 100},
    }
    faults = []
    for group, supplied in dummies.items():
        try:
            build(config[group], trust=trust, **supplied)
        except (ValueError, TypeError) as error:
            faults.append(f"{group}: {error}")
    return faults
