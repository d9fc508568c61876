"""An optimizer's update, made by its kernel alone where that is known to be all there is to it.

Around the kernel of a fused optimizer torch sorts tensors by device and type and opens a range for
its profiler; of a small network's step on a CPU that takes as long as the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

from clipbench.training.gradients import gradients_of


def update_of(optimizer: Optimizer) -> Callable[[], object]:
    """Return what makes one update from the gradients there are: bit for bit ``optimizer.step``.

    Hooks on an AdamW are not called.
    """
    return _AdamWKernel(optimizer) if _is_plain_adamw(optimizer) else optimizer.step


class _AdamWKernel:
    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    @torch.no_grad()
    def __call__(self) -> None:
        owners = [_with_gradient(group) for group in self._optimizer.param_groups]
        state = self._optimizer.state
        if any(owner not in state for group in owners for owner in group):
            self._optimizer.step()  # the first of its parameters, whose memory it makes
            return
        for group, parameters in zip(self._optimizer.param_groups, owners, strict=True):
            if parameters:
                _update_group(group, parameters, [state[owner] for owner in parameters])


def _update_group(
    group: dict[str, Any], parameters: list[Tensor], held: list[dict[str, Tensor]]
) -> None:
    steps = [one["step"] for one in held]
    torch._foreach_add_(steps, 1)
    beta1, beta2 = group["betas"]
    torch._fused_adamw_(
        parameters,
        gradients_of(parameters),
        [one["exp_avg"] for one in held],
        [one["exp_avg_sq"] for one in held],
        [],
        steps,
        lr=group["lr"],
        beta1=beta1,
        beta2=beta2,
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
    )


def _with_gradient(group: dict[str, Any]) -> list[Tensor]:
    return [owner for owner in group["params"] if owner.grad is not None]


def _is_plain_adamw(optimizer: Optimizer) -> bool:
    groups = optimizer.param_groups
    others = ("amsgrad", "maximize", "differentiable", "capturable")
    return (
        type(optimizer) is AdamW
        and all(group["fused"] and not any(group[key] for key in others) for group in groups)
        and all(owner.device.type == "cpu" for group in groups for owner in group["params"])
    )
