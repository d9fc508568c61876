"""From a checked configuration (plain dicts) to the objects of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from clipbench.cli.errors import ConfigError
from clipbench.clips.base import Clip
from clipbench.data.batches import OrderedBatches, ShuffledBatches
from clipbench.data.images import ImageData
from clipbench.grad_clips.base import GradClip, State
from clipbench.grad_clips.none import NoClip
from clipbench.optim.param_groups import param_groups
from clipbench.probes.observe import Probe
from clipbench.regularizers.base import Regularizer
from clipbench.regularizers.none import NoRegularizer
from clipbench.training.build import build
from clipbench.training.calibrate import calibrate
from clipbench.training.checkpoint import build_model
from clipbench.training.loss import can_act
from clipbench.training.precision import Precision
from clipbench.training.seeding import generator
from clipbench.training.state import TrainState

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Assembly:
    """Everything the loop needs for one seed, on the device."""

    state: TrainState
    train_batches: ShuffledBatches
    val_batches: OrderedBatches
    test_batches: OrderedBatches
    grad_clip: GradClip | None
    regularizer: Regularizer | None
    probes: Sequence[Probe]
    precision: Precision


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
    """Return the batches of a part, unaugmented and in the order of the data.

    Args:
        data: The data set.
        part: ``train``, ``val`` or ``test``.
        config: Says how large a batch is.
    """
    split = {"train": data.train, "val": data.val, "test": data.test}[part]
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
    grad_clip = grad_clip_of(config)
    remembered = _initial_state(grad_clip, total_steps=total_steps, device=device)
    return Assembly(
        state=TrainState(
            model,
            optimizer,
            schedule,
            seed,
            grad_clip_state=remembered,
            correct=torch.zeros((), dtype=torch.int64, device=device),
        ),
        train_batches=batches,
        val_batches=ordered(data, "val", config),
        test_batches=ordered(data, "test", config),
        grad_clip=grad_clip,
        regularizer=regularizer_of(config),
        probes=make_probes(config),
        precision=config["trainer"]["precision"],
    )


def grad_clip_of(config: Config) -> GradClip | None:
    """Return the gradient clip, or None for the one that changes nothing, which costs nothing.

    Raises:
        TypeError: The target is no gradient clip.
    """
    grad_clip = build(config["grad_clip"], trust=config["trust"])
    if not isinstance(grad_clip, GradClip):
        raise TypeError(f"grad_clip: '{config['grad_clip']['_target_']}' is not a GradClip")
    return None if isinstance(grad_clip, NoClip) else grad_clip


def _initial_state(grad_clip: GradClip | None, *, total_steps: int, device: torch.device) -> State:
    state = {} if grad_clip is None else grad_clip.init(total_steps=total_steps)
    return {name: value.to(device) for name, value in state.items()}


def regularizer_of(config: Config) -> Regularizer | None:
    """Return the regularizer, or None for the one that adds nothing, which costs nothing.

    Raises:
        TypeError: The target is no regularizer.
    """
    regularizer = build(config["regularizer"], trust=config["trust"])
    if isinstance(regularizer, NoRegularizer):
        return None
    if not isinstance(regularizer, Regularizer):
        raise TypeError(f"regularizer: '{config['regularizer']['_target_']}' is not a Regularizer")
    return regularizer


def trial_faults(config: Config) -> list[str]:
    """Build the parts that need no data once, to find arguments that a part itself refuses.

    Only for a configuration that has passed the check of keys, types and ranges.
    """
    trust = config["trust"]
    weight = torch.nn.Parameter(torch.zeros(2, 2))
    trials: dict[str, tuple[type, dict[str, Any]]] = {
        # A module that is no Clip would train, and its site would not be measured.
        "clip": (Clip, {"num_features": 1024}),
        "grad_clip": (GradClip, {}),
        "regularizer": (object, {}),
        "optim": (
            torch.optim.Optimizer,
            {"params": [{"params": [weight], "role": "weights", "decay": "weights"}]},
        ),
        "schedule": (object, {"total_steps": 100}),
    }
    faults = []
    for group, (kind, supplied) in trials.items():
        try:
            part = build(config[group], trust=trust, **supplied)
        except (ValueError, TypeError) as error:
            faults.append(f"{group}: {error}")
            continue
        if not isinstance(part, kind):
            faults.append(f"{group}: '{config[group]['_target_']}' is not a {kind.__name__}")
    return faults or _idle_regularizer(config)


def _idle_regularizer(config: Config) -> list[str]:
    """Say if the penalty has a gradient for nothing under this clip: such a run would mislead."""
    try:
        regularizer = regularizer_of(config)
    except TypeError as error:
        return [str(error)]
    if regularizer is None:
        return []
    clip = build(config["clip"], trust=config["trust"], num_features=1024)
    if can_act(regularizer, clip):
        return []
    names = type(regularizer).__name__, type(clip).__name__
    return [f"regularizer: {names[0]} needs {regularizer.needs}, and {names[1]} has none"]
