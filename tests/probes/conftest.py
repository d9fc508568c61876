"""A small model with known sites, and all that its clips saw, kept whole as the slow reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clipbench.clips.base import Clip
from clipbench.clips.learnable import LearnableClip
from clipbench.clips.relu import ReLU


class Unit(nn.Module):
    """An activation site."""

    def __init__(self, layer: nn.Module, clip: Clip, pool: nn.Module | None = None) -> None:
        super().__init__()
        self.layer, self.clip, self.pool = layer, clip, pool

    def forward(self, x: Tensor) -> Tensor:
        x = self.clip(self.layer(x))
        return x if self.pool is None else self.pool(x)


class Net(nn.Module):
    """Two convolutions, one of them pooled, and a hidden layer; the first threshold per channel."""

    def __init__(self) -> None:
        super().__init__()
        channelwise = LearnableClip(num_features=4, per="channel", init=0.4)
        self.conv1 = Unit(nn.Conv2d(1, 4, 3, padding=1), ReLU(num_features=4), nn.MaxPool2d(2))
        self.conv2 = Unit(nn.Conv2d(4, 4, 3, padding=1), channelwise, nn.Identity())
        self.hidden = Unit(nn.Linear(64, 6), LearnableClip(num_features=6, init=0.1))
        with torch.no_grad():
            # Two units of conv1 that cannot be active for inputs in [-3, 3].
            self.conv1.layer.bias[1] = self.conv1.layer.bias[3] = -100.0

    def forward(self, x: Tensor) -> Tensor:
        return self.hidden(self.conv2(self.conv1(x)).flatten(1))


@dataclass
class Seen:
    """What one site saw over the whole split."""

    inputs: np.ndarray
    outputs: np.ndarray


@pytest.fixture
def net() -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net().eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(50, 1, 8, 8, generator=torch.Generator().manual_seed(1)).clamp(-3, 3)


@pytest.fixture
def batches(images: Tensor) -> tuple[Tensor, ...]:
    return images.split([7, 20, 20, 3])


@pytest.fixture
def seen(net: Net, images: Tensor) -> dict[str, Seen]:
    with torch.no_grad():
        a = net.conv1.layer(images)
        b = net.conv2.layer(net.conv1(images))
        c = net.hidden.layer(net.conv2(net.conv1(images)).flatten(1))
        units = {"conv1": (net.conv1, a), "conv2": (net.conv2, b), "hidden": (net.hidden, c)}
        return {
            site: Seen(inputs.numpy(), unit.clip(inputs).numpy())
            for site, (unit, inputs) in units.items()
        }
