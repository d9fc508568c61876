"""Quantiles of what a clip is given: where a threshold would have to stand to clip a given share.

Exact (numpy's linear interpolation) while a site has shown at most 2^18 elements. From then on an
even sample of between 2^17 and 2^18 of its elements stands for all of them; the share of elements
below the value reported for ``q`` then differs from ``q`` with a standard deviation of about
``sqrt(q (1 - q) / 2^17)``: 0.0014 for the median, 0.00009 for ``q999``. Which elements are taken
depends on their positions and the batch size alone, on no generator.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.probes.observe import Probe

QUANTILES = {"q01": 0.01, "q50": 0.5, "q90": 0.9, "q99": 0.99, "q999": 0.999}
SAMPLE_SIZE = 2**18


class ActivationQuantiles(Probe):
    """Measures ``activation_quantile/<site>/{q01,q50,q90,q99,q999}`` of the inputs of each clip."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything seen so far."""
        self._samples: dict[str, _Sample] = {}

    def update(self, site: str, clip: Clip, inputs: Tensor, outputs: Tensor) -> None:
        """Sample the inputs of one batch."""
        if inputs.numel() > 0:
            self._samples.setdefault(site, _Sample()).add(inputs)

    def compute(self) -> dict[str, float]:
        """Give five quantiles for every site."""
        if len(self._samples) == 0:
            return {}
        rows = torch.stack([sample.quantiles() for sample in self._samples.values()]).tolist()
        return {
            f"activation_quantile/{site}/{name}": value
            for site, row in zip(self._samples, rows, strict=True)
            for name, value in zip(QUANTILES, row, strict=True)
        }


class _Sample:
    """At most `SAMPLE_SIZE` elements, taken evenly from all that came."""

    def __init__(self) -> None:
        self._held: list[Tensor] = []
        self._size = 0
        self._every = 1  # one element in so many is kept

    def add(self, values: Tensor) -> None:
        while self._size + math.ceil(values.numel() / self._every) > SAMPLE_SIZE:
            self._halve()
        kept = _thin(values, math.ceil(values.numel() / self._every))
        self._held.append(kept)
        self._size += kept.numel()

    def quantiles(self) -> Tensor:
        ordered = torch.cat(self._held).double().sort().values
        places = [q * (self._size - 1) for q in QUANTILES.values()]
        below = ordered[[math.floor(place) for place in places]]
        above = ordered[[math.ceil(place) for place in places]]
        weights = [place - math.floor(place) for place in places]
        return torch.lerp(below, above, ordered.new_tensor(weights))

    def _halve(self) -> None:
        self._every *= 2
        if self._size > 0:
            self._size = math.ceil(self._size / 2)
            self._held = [_thin(torch.cat(self._held), self._size)]


def _thin(values: Tensor, count: int) -> Tensor:
    """Take elements spread evenly over a tensor, none twice.

    Multiples of a number near the golden section of the size, modulo the size, are spread as evenly
    as can be, and being coprime to the size it falls into step with no dimension: every channel
    and every place of the images gets its turn.
    """
    size = values.numel()
    if count == size:
        return values.reshape(-1)
    stride = round(size * (math.sqrt(5) - 1) / 2)
    while math.gcd(stride, size) != 1:
        stride += 1
    return torch.take(values, torch.arange(count, device=values.device) * stride % size)
