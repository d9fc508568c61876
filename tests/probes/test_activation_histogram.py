"""The histogram of a site is of its clip's inputs, all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch import Tensor

from clipbench.probes.activation_histogram import ActivationHistogram
from clipbench.probes.observe import observe


def test_streaming_equals_all_inputs_at_once(
    net: Any, batches: tuple[Tensor, ...], seen: dict[str, Any]
) -> None:
    probe = ActivationHistogram()
    with observe(net, [probe]):
        for batch in batches:
            net(batch)
    assert probe.compute() == {}
    histograms = probe.histograms()
    assert histograms.keys() == {f"activation/{site}" for site in seen}
    for site, at in seen.items():
        histogram, values = histograms[f"activation/{site}"], at.inputs.astype(np.float64)
        assert histogram["num"] == values.size
        assert (histogram["min"], histogram["max"]) == pytest.approx(
            (values.min(), values.max()), rel=1e-5
        )
        assert histogram["sum"] == pytest.approx(values.sum(), rel=1e-5, abs=1e-4)
        counts, _ = np.histogram(values, bins=[histogram["min"], *histogram["limits"]])
        # Batches of another size may round a convolution otherwise.
        assert np.abs(counts - histogram["counts"]).sum() <= 0.01 * values.size
