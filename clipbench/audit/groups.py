"""What a group of an optimizer does to its parameters: its rate, its momentum, its decay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

Group = Mapping[str, Any]


def group_of(optimizer: Optimizer, tensor: Tensor) -> Group | None:
    """Return the group that holds ``tensor``, by identity, or None."""
    for group in optimizer.param_groups:
        if any(tensor is held for held in group["params"]):
            return group
    return None


def rate_of(group: Group) -> float:
    """Return the rate before any schedule: a warm-up may begin at zero."""
    return float(group["initial_lr"] if "initial_lr" in group else group["lr"])


def steps_by_rate(group: Group) -> bool:
    """Tell whether a step is about the rate, whatever the size of the gradient, as with Adam."""
    return "betas" in group


def momentum_gain(group: Group) -> float:
    """Return how many times its own size a lasting push moves a parameter: 1 / (1 - momentum)."""
    momentum = float(group["momentum"]) if "momentum" in group else 0.0
    return 1.0 / (1.0 - momentum) if momentum < 1.0 else 1.0


def decay_of(group: Group) -> float | None:
    """Return the share of a parameter that a step takes off it by decay, at rate one.

    It is ``weight_decay`` where the decay is decoupled (AdamW), and ``weight_decay`` times the gain
    of the momentum where it is added to the gradient of plain descent. None where it passes through
    a division by the gradient's size, as with Adam, after which no share can be told.
    """
    decay = float(group["weight_decay"]) if "weight_decay" in group else 0.0
    if decay == 0.0 or group.get("decoupled_weight_decay", False):
        return decay
    divided = "betas" in group or "eps" in group
    return None if divided else decay * momentum_gain(group)
