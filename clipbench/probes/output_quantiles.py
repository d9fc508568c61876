"""How far what a clip gives reaches: its largest size, and the size that 99.9 % of it stay below.

The ratio of the two says how much of the range belongs to outliers: 1 under a bound that bites, 2
where the largest output is twice as far out as all but one in a thousand. A quantiser, or hardware
with a fixed range, pays for it. How exact the quantile is stands in ``even_sample``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.probes.even_sample import EvenSample
from clipbench.probes.observe import Probe

QUANTILE = 0.999


class OutputQuantiles(Probe):
    """Measures ``output_quantile/<site>/{max,q999}`` of ``|y|``, the size of each output."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything seen so far."""
        self._largest: dict[str, Tensor] = {}
        self._samples: dict[str, EvenSample] = {}

    def update(self, site: str, clip: Clip, inputs: Tensor, outputs: Tensor) -> None:
        """Take in the outputs of one batch."""
        if outputs.numel() == 0:
            return
        sizes = outputs.abs()
        largest = sizes.amax().double()
        held = self._largest.get(site, largest)
        self._largest[site] = torch.maximum(held, largest)
        self._samples.setdefault(site, EvenSample()).add(sizes)

    def compute(self) -> dict[str, float]:
        """Give both numbers for every site, in the units of the activations."""
        if len(self._samples) == 0:
            return {}
        quantiles = [sample.quantiles([QUANTILE])[0] for sample in self._samples.values()]
        tags = [f"output_quantile/{site}/max" for site in self._largest]
        tags += [f"output_quantile/{site}/q999" for site in self._samples]
        return dict(
            zip(tags, torch.stack([*self._largest.values(), *quantiles]).tolist(), strict=True)
        )
