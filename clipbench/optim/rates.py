"""Turn labelled parameter groups into torch's, with a learning rate and a decay each.

Thresholds are few and their gradient is a sum over every element of a site, so they have a rate
and a decay of their own: decay that is right for PReLU's slope (none) switches PACT off, whose
threshold nothing but decay pulls down.
"""

from __future__ import annotations

import math
from typing import Literal, TypedDict

from torch import nn

Role = Literal["weights", "biases", "thresholds"]


class LabelledGroup(TypedDict):
    """Parameters that share a role and a decay policy ("weights": as the weights have it)."""

    params: list[nn.Parameter]
    role: Role
    decay: Literal["weights", "none"]


def with_rates(
    groups: list[LabelledGroup],
    *,
    lr: float,
    weight_decay: float,
    threshold_lr_scale: float,
    threshold_weight_decay: float | None,
) -> list[dict[str, object]]:
    """Give every group its rate and decay, in torch's form.

    `initial_lr` stays for the schedule to start from, `lr` is what it moves.

    Args:
        groups: From `param_groups`.
        lr: Rate of weights and biases.
        weight_decay: Of the groups that decay as the weights do.
        threshold_lr_scale: Rate of the thresholds as a multiple of lr.
        threshold_weight_decay: Of every threshold; None leaves each to its clip's own policy.

    Raises:
        ValueError: One of them is infinite.
    """
    _refuse_infinite(
        lr=lr,
        weight_decay=weight_decay,
        threshold_lr_scale=threshold_lr_scale,
        threshold_weight_decay=threshold_weight_decay or 0.0,
    )
    rated: list[dict[str, object]] = []
    for group in groups:
        is_threshold = group["role"] == "thresholds"
        rate = lr * threshold_lr_scale if is_threshold else lr
        decay = weight_decay if group["decay"] == "weights" else 0.0
        if is_threshold and threshold_weight_decay is not None:
            decay = threshold_weight_decay
        rated.append(
            {
                "params": group["params"],
                "role": group["role"],
                "lr": rate,
                "initial_lr": rate,
                "weight_decay": decay,
            }
        )
    return rated


def _refuse_infinite(**numbers: float) -> None:
    infinite = [f"{name}={number}" for name, number in numbers.items() if not math.isfinite(number)]
    if infinite:
        raise ValueError(f"rates and decays must be finite, got {', '.join(infinite)}.")
