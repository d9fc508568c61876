"""AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101).

m <- beta1 * m + (1 - beta1) * g,   v <- beta2 * v + (1 - beta2) * g^2
w <- w - lr * weight_decay * w - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Gt, Lt

from clipbench.optim.rates import LabelledGroup, with_rates


def adamw(
    params: list[LabelledGroup],
    *,
    lr: Annotated[float, Gt(0)] = 5e-3,
    beta1: Annotated[float, Ge(0), Lt(1)] = 0.9,
    beta2: Annotated[float, Ge(0), Lt(1)] = 0.999,
    eps: Annotated[float, Gt(0)] = 1e-8,
    weight_decay: Annotated[float, Ge(0)] = 0.1,
    threshold_lr_scale: Annotated[float, Gt(0)] = 1.0,
    threshold_weight_decay: Annotated[float, Ge(0)] | None = None,
) -> torch.optim.Optimizer:
    """Make the optimizer in its fused form, the one that obeys `found_inf`.

    Args:
        params: From `param_groups`.
        lr: Learning rate before the schedule.
        beta1: Memory of the mean gradient.
        beta2: Memory of the mean squared gradient.
        eps: Keeps the step finite where gradients vanish.
        weight_decay: Share of lr by which decaying parameters shrink a step.
        threshold_lr_scale: Rate of the thresholds as a multiple of lr.
        threshold_weight_decay: Of every threshold; None leaves each to its clip's own policy.
    """
    groups = with_rates(
        params,
        lr=lr,
        weight_decay=weight_decay,
        threshold_lr_scale=threshold_lr_scale,
        threshold_weight_decay=threshold_weight_decay,
    )
    return torch.optim.AdamW(groups, lr=lr, betas=(beta1, beta2), eps=eps, fused=True)
