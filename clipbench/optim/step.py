"""A learning rate that drops by a factor at each milestone (He et al. 2016, arXiv 1512.03385)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

from clipbench.optim.schedules import Schedule, after_warmup, warmup_steps


def step(
    *,
    total_steps: int,
    warmup: Annotated[float, Ge(0), Lt(1)] = 0.0,
    milestones: Sequence[Annotated[float, Gt(0), Lt(1)]] = (0.5, 0.75),
    factor: Annotated[float, Gt(0), Le(1)] = 0.1,
) -> Schedule:
    """Rise over the share `warmup` of all steps, then multiply by `factor` at each milestone.

    Args:
        total_steps: Steps of the whole run.
        warmup: Share of all steps.
        milestones: Shares of all steps, warm-up included; a drop inside the warm-up acts after it.
        factor: Multiplier of each drop.
    """
    rising = warmup_steps(total_steps=total_steps, warmup=warmup)

    def dropped(after: int) -> float:
        passed = sum(1 for share in milestones if rising + after >= share * total_steps)
        return factor**passed

    return after_warmup(dropped, total_steps=total_steps, warmup=warmup)
