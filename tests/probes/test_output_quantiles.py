"""The range of the outputs is that of numpy over the whole split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clipbench.clips.learnable import LearnableClip
from clipbench.clips.relu import ReLU
from clipbench.probes.observe import observe
from clipbench.probes.output_quantiles import OutputQuantiles


def test_streaming_equals_all_outputs_at_once(
    net: Any, batches: tuple[Tensor, ...], seen: dict[str, Any]
) -> None:
    probe = OutputQuantiles()
    with observe(net, [probe]):
        for batch in batches:
            net(batch)
    sizes = {site: np.abs(at.outputs.astype(np.float64)) for site, at in seen.items()}
    largest = {f"output_quantile/{site}/max": float(size.max()) for site, size in sizes.items()}
    beyond = {
        f"output_quantile/{site}/q999": float(np.quantile(s, 0.999)) for site, s in sizes.items()
    }
    assert probe.compute() == pytest.approx(largest | beyond, rel=1e-12)


def test_a_bound_that_bites_leaves_no_outlier() -> None:
    x = torch.linspace(-3, 3, 600).reshape(20, 30)
    clip, probe = LearnableClip(init=1.0), OutputQuantiles()
    for half in x.split(10):
        probe.update("a", clip, half, clip(half))
    assert probe.compute() == {"output_quantile/a/max": 1.0, "output_quantile/a/q999": 1.0}


def test_an_empty_batch_says_nothing() -> None:
    probe = OutputQuantiles()
    probe.update("a", ReLU(), torch.empty(0, 3), torch.empty(0, 3))
    assert probe.compute() == {}
