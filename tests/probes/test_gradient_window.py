"""The window share is the share of elements that autograd gives a threshold a gradient from."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from clipbench.clips.learnable import LearnableClip
from clipbench.clips.relu import ReLU
from clipbench.probes.gradient_window import GradientWindow
from clipbench.probes.observe import observe


def _share_by_autograd(clip: Any, inputs: Tensor) -> float:
    """Ask autograd about each element alone."""
    hits = 0
    channels = inputs.shape[1]
    for index, value in enumerate(inputs.flatten()):
        channel = index // (inputs.numel() // inputs.shape[0] // channels) % channels
        x = torch.zeros(1, channels)
        x[0, channel] = value
        (grad,) = torch.autograd.grad(clip(x)[0, channel], clip.upper.raw)
        hits += bool(grad.abs().sum() > 0)
    return hits / inputs.numel()


def test_the_share_equals_the_nonzero_gradients(
    net: Any, batches: tuple[Tensor, ...], seen: dict[str, Any]
) -> None:
    probe = GradientWindow()
    with observe(net, [probe]):
        for batch in batches[:2]:
            net(batch)
    measured = probe.compute()
    assert measured.keys() == {"gradient_window/conv2/upper", "gradient_window/hidden/upper"}
    for site in ("conv2", "hidden"):
        inputs = torch.from_numpy(seen[site].inputs[:27])
        expected = _share_by_autograd(net.get_submodule(site).clip, inputs)
        assert measured[f"gradient_window/{site}/upper"] == pytest.approx(expected, abs=1e-15)
        assert 0 < expected < 1


def test_clips_without_thresholds_have_no_tag() -> None:
    probe = GradientWindow()
    probe.update("a", ReLU(), torch.ones(2, 3), torch.ones(2, 3))
    assert probe.compute() == {}


def test_a_window_that_nothing_reaches_is_zero() -> None:
    probe, clip = GradientWindow(), LearnableClip(init=100.0)
    probe.update("a", clip, torch.ones(2, 3), torch.ones(2, 3))
    assert probe.compute() == {"gradient_window/a/upper": 0.0}
