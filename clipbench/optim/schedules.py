"""Schedules: pure functions from the step to a multiplier of the learning rate, in [0, 1].

A schedule holds no state, so a resumed run only has to know its step. The first step is 0.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

Schedule = Callable[[int], float]


def after_warmup(then: Schedule, *, total_steps: int, warmup: float) -> Schedule:
    """Rise linearly over the first share `warmup` of all steps, then follow another schedule.

    The rise ends at 1 in its last step and never stands at 0, where a step would be wasted.

    Args:
        then: From the progress after the rise, a step number that starts again at 0.
        total_steps: Steps of the whole run.
        warmup: Share in [0, 1).
    """
    rising = warmup_steps(total_steps=total_steps, warmup=warmup)
    return lambda step: (step + 1) / rising if step < rising else then(step - rising)


def warmup_steps(*, total_steps: int, warmup: float) -> int:
    """Count the steps of the rise; at least one step is left for what follows."""
    return min(round(warmup * total_steps), total_steps - 1)


def apply_schedule(optimizer: torch.optim.Optimizer, schedule: Schedule, step: int) -> None:
    """Set every group's rate for this step: its own initial rate times the multiplier."""
    multiplier = schedule(step)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * multiplier
