"""The same learning rate from the end of the warm-up on."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Lt

from clipbench.optim.schedules import Schedule, after_warmup


def constant(*, total_steps: int, warmup: Annotated[float, Ge(0), Lt(1)] = 0.0) -> Schedule:
    """Rise over the share `warmup` of all steps, then stay at 1.

    Args:
        total_steps: Steps of the whole run.
        warmup: Share of all steps.
    """
    return after_warmup(lambda step: 1.0, total_steps=total_steps, warmup=warmup)
