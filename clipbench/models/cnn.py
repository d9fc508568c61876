"""A small plain convolutional network: one 3x3 block per width, halving the map as it goes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Gt, Len
from torch import nn

from clipbench.models.initialize import Scheme, initialize
from clipbench.models.units import ConvUnit, MakeClip, linear


class CNN(nn.Sequential):
    """Blocks at the sites `conv1`, `conv2` ..., and a linear head on the flattened map.

    Each block ends in 2x2 max-pooling while the map is at least 2 pixels wide; where it is not,
    there is no pool. The head sees the map whole: so few blocks do not look far enough for an
    average over positions to be as accurate.

    Args:
        make_clip: Called once a site as `make_clip(num_features=...)`.
        in_channels: Channels of the images.
        image_size: Height and width of the images in pixels.
        num_classes: Length of the logits.
        generator: Source of the initial weights.
        widths: Channels of each block.
        batch_norm: Normalise before each clip.
        init: How initial weights are scaled, see `initialize`.
    """

    def __init__(
        self,
        *,
        make_clip: MakeClip,
        in_channels: int,
        image_size: int,
        num_classes: int,
        generator: torch.Generator,
        widths: Annotated[Sequence[Annotated[int, Gt(0)]], Len(1, 4)] = (32, 64, 128),
        batch_norm: bool = True,
        init: Scheme = "gain",
    ) -> None:
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        channels, size = in_channels, image_size
        for number, width in enumerate(widths, start=1):
            parts[f"conv{number}"] = ConvUnit(
                channels, width, make_clip=make_clip, batch_norm=batch_norm, pool=size >= 2
            )
            channels, size = width, max(size // 2, 1)
        parts["flatten"] = nn.Flatten()
        parts["head"] = linear(channels * size**2, num_classes)
        super().__init__(parts)
        initialize(self, scheme=init, generator=generator)
