"""The distribution of what each clip is given, as a histogram of 64 bins."""

from __future__ import annotations

from torch import Tensor

from clipbench.clips.base import Clip
from clipbench.probes.observe import Probe
from clipbench.probes.running_histogram import RunningHistogram, records
from clipbench.records.histogram import Histogram


class ActivationHistogram(Probe):
    """Measures the histogram ``activation/<site>`` of the inputs of each clip, and no scalar.

    A site whose inputs were not all finite has no histogram.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything seen so far."""
        self._running: dict[str, RunningHistogram] = {}

    def update(self, site: str, clip: Clip, inputs: Tensor, outputs: Tensor) -> None:
        """Count the inputs of one batch."""
        if inputs.numel() == 0:
            return
        tag = f"activation/{site}"
        if tag not in self._running:
            self._running[tag] = RunningHistogram(inputs)
        self._running[tag].add(inputs)

    def compute(self) -> dict[str, float]:
        """Give no scalar."""
        return {}

    def histograms(self) -> dict[str, Histogram]:
        """Give the histogram of every site."""
        return records(self._running)
