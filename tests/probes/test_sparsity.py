"""Sparsity counts exact zeros, with three averages told apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.relu import ReLU
from clipbench.clips.silu import SiLU
from clipbench.probes.observe import observe
from clipbench.probes.sparsity import Sparsity


@pytest.fixture
def measured(net: Any, batches: tuple[Tensor, ...]) -> dict[str, float]:
    probe = Sparsity(epsilon=0.05)
    with observe(net, [probe]):
        for batch in batches:
            net(batch)
    return probe.compute()


def test_streaming_equals_all_activations_at_once(
    measured: dict[str, float], net: Any, images: Tensor, seen: dict[str, Any]
) -> None:
    pooled = F.max_pool2d(torch.from_numpy(seen["conv1"].outputs), 2).numpy()
    zero = {site: float(np.mean(at.outputs == 0)) for site, at in seen.items()}
    expected = {f"sparsity/{site}": share for site, share in zero.items()}
    expected |= {
        f"sparsity_epsilon/{site}": float(np.mean(np.abs(at.outputs) <= 0.05))
        for site, at in seen.items()
    }
    expected["sparsity_next/conv1"] = float(np.mean(pooled == 0))
    expected["sparsity/mean"] = sum(zero.values()) / 3
    expected["sparsity/elements"] = float(
        np.mean(np.concatenate([at.outputs.ravel() for at in seen.values()]) == 0)
    )
    assert measured == pytest.approx(expected, abs=1e-15)
    # The four kinds differ here, so that none can stand for another.
    conv1 = [measured[f"{kind}/conv1"] for kind in ("sparsity", "sparsity_epsilon")]
    averages = [measured[tag] for tag in ("sparsity_next/conv1", "sparsity/mean")]
    assert len({*conv1, *averages, measured["sparsity/elements"]}) == 5


def test_two_sites_of_unequal_size() -> None:
    probe = Sparsity()
    clip = ReLU()
    probe.update("small", clip, torch.empty(1, 1), torch.zeros(1, 1))
    probe.update("large", clip, torch.empty(1, 3), torch.ones(1, 3))
    measured = probe.compute()
    assert measured["sparsity/mean"] == 0.5
    assert measured["sparsity/elements"] == 0.25


def test_smooth_clips_have_no_zeros_but_near_zeros() -> None:
    x = torch.linspace(-20, 20, 4001, dtype=torch.float64).reshape(1, -1)
    x = x[:, x[0] != 0]
    probe = Sparsity(epsilon=0.01)
    probe.update("a", SiLU(), x, SiLU()(x))
    measured = probe.compute()
    assert measured["sparsity/a"] == 0.0
    assert measured["sparsity_epsilon/a"] > 0.1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_epsilon_counts_itself(dtype: torch.dtype) -> None:
    y = torch.tensor([[0.0, 0.5, -0.5, 0.75]], dtype=dtype)
    probe = Sparsity(epsilon=0.5)
    probe.update("a", ReLU(), y, y)
    assert probe.compute()["sparsity_epsilon/a"] == 0.75


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_epsilon_is_not_rounded_to_half_precision(dtype: torch.dtype) -> None:
    below = torch.tensor([[1e-3]], dtype=dtype)
    above = torch.nextafter(below, torch.ones(1, 1, dtype=dtype))
    # Between two numbers of the dtype, but nearer to the upper one, which is beyond it.
    epsilon = 0.3 * below.item() + 0.7 * above.item()
    probe = Sparsity(epsilon=epsilon)
    probe.update("below", ReLU(), below, below)
    probe.update("above", ReLU(), above, above)
    measured = probe.compute()
    assert measured["sparsity_epsilon/below"] == 1
    assert measured["sparsity_epsilon/above"] == 0


def test_epsilon_zero_is_sparsity_itself(net: Any, images: Tensor) -> None:
    probe = Sparsity(epsilon=0)
    with observe(net, [probe]):
        net(images)
    measured = probe.compute()
    for site in ("conv1", "conv2", "hidden"):
        assert measured[f"sparsity_epsilon/{site}"] == measured[f"sparsity/{site}"]


@pytest.mark.parametrize("epsilon", [-1e-9, float("nan")])
def test_a_negative_epsilon_is_refused(epsilon: float) -> None:
    with pytest.raises(ValueError, match="epsilon >= 0, got epsilon="):
        Sparsity(epsilon=epsilon)
