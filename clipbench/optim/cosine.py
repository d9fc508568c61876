"""Half a cosine from 1 down to `final` (Loshchilov and Hutter 2017, arXiv 1608.03983, one cycle).

final + (1 - final) * (1 + cos(pi * t)) / 2,   t in [0, 1) the share of the steps after warm-up
"""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Ge, Le, Lt

from clipbench.optim.schedules import Schedule, after_warmup, warmup_steps


def cosine(
    *,
    total_steps: int,
    warmup: Annotated[float, Ge(0), Lt(1)] = 0.1,
    final: Annotated[float, Ge(0), Le(1)] = 0.0,
) -> Schedule:
    """Rise over the share `warmup` of all steps, then fall along half a cosine.

    `final` is reached one step after the last, so that no step is taken at rate 0.

    Args:
        total_steps: Steps of the whole run.
        warmup: Share of all steps.
        final: Multiplier at the end.
    """
    falling = total_steps - warmup_steps(total_steps=total_steps, warmup=warmup)

    def fall(step: int) -> float:
        progress = min(step / falling, 1.0)
        return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))

    return after_warmup(fall, total_steps=total_steps, warmup=warmup)
