"""Percentile clip: ``y = min(max(x, 0), t)`` with ``t`` set from data and never learned.

``dy/dx = 1[0 < x < t]``. The threshold is the percentile of ``|x|`` over the first clean batch (see
``data_rule``), and stays there: the control for "does learning the threshold help", of the same
forward as ``pact``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt

from clipbench.clips.threshold import Threshold
from clipbench.clips.upper import UpperClip


class PercentileClip(UpperClip):
    """ReLU cut off at a percentile of the first batch.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the data rule, or a number.
        per: one threshold for the layer, or one for each channel.
    """

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = "percentile:99.9",
        per: Literal["layer", "channel"] = "layer",
    ) -> None:
        super().__init__(num_features=num_features)
        self.upper = Threshold(
            init, per=per, num_features=num_features, positivity="project", learned=False
        )
