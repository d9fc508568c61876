"""STR: a soft threshold in ``(0, 1)`` that is driven by weight decay.

``y = sign(x) max(|x| - s(r), 0)`` with the logistic ``s`` and a learned ``r``; ``dy/dx = 1[|x| >
s(r)]`` and ``dy/dr = -sign(x) 1[|x| > s(r)] s(r) (1 - s(r))``. Kusupati et al. (2020, arXiv
2002.03231) apply it to the weights of a network, as soft threshold weight reparameterization; here
it stands where the activation does.

``r`` decays as weights do, towards 0 and so the threshold towards 1/2: from a small start that
raises it, unlike the decay of the threshold itself. The threshold cannot pass 1, so inputs have to
be on the scale of one, as behind a norm.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Lt

from clipbench.clips.soft_threshold import SoftThreshold


class STR(SoftThreshold):
    """Soft threshold between zero and one that decay pulls towards one half.

    Args:
        num_features: number of channels, needed with ``per="channel"``.
        init: the first threshold, between 0 and 1, or a data rule such as ``percentile:10``.
        per: one threshold for the layer, or one for each channel.
    """

    threshold_decay: ClassVar[Literal["none", "weights"]] = "weights"

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0), Lt(1)] | str = 0.1,
        per: Literal["layer", "channel"] = "layer",
    ) -> None:
        super().__init__(num_features=num_features, init=init, per=per, positivity="sigmoid")
