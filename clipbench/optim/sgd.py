"""Stochastic gradient descent with momentum (Sutskever et al. 2013, ICML), in torch's form.

    d = g + weight_decay * w
    v <- momentum * v + d
    w <- w - lr * v          (nesterov: w <- w - lr * (d + momentum * v))

The rate stands outside the velocity, so that a change of rate acts at once.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt, Lt

from clipbench.optim.rates import LabelledGroup, with_rates


def sgd(
    params: list[LabelledGroup],
    *,
    lr: Annotated[float, Gt(0)] = 0.1,
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9,
    nesterov: bool = True,
    weight_decay: Annotated[float, Ge(0)] = 5e-4,
    threshold_lr_scale: Annotated[float, Gt(0)] = 1.0,
    threshold_weight_decay: Annotated[float, Ge(0)] | None = None,
) -> torch.optim.Optimizer:
    """Make the optimizer in its fused form, the one that obeys `found_inf`.

    Args:
        params: From `param_groups`.
        lr: Learning rate before the schedule.
        momentum: Share of the velocity kept at each step.
        nesterov: Look ahead along the velocity; needs momentum.
        weight_decay: L2 penalty's factor, added to the gradient.
        threshold_lr_scale: Rate of the thresholds as a multiple of lr.
        threshold_weight_decay: Of every threshold; None leaves each to its clip's own policy.

    Raises:
        ValueError: If nesterov is asked for without momentum.
    """
    if nesterov and momentum == 0.0:
        raise ValueError("sgd with nesterov=true needs momentum > 0, got momentum=0.0.")
    groups = with_rates(
        params,
        lr=lr,
        weight_decay=weight_decay,
        threshold_lr_scale=threshold_lr_scale,
        threshold_weight_decay=threshold_weight_decay,
    )
    optimizer = torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)
    if momentum > 0.0:
        _start_at_rest(optimizer)
    return optimizer


def _start_at_rest(optimizer: torch.optim.SGD) -> None:
    """Begin with zero velocities.

    The fused form allocates a velocity in the first step without filling it; were that very step
    blocked by `found_inf`, what the memory held would be used as velocity from then on.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
