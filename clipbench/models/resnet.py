"""ResNet-20 for small images: three stages of three basic blocks.

He et al. 2016 (arXiv 1512.03385), section 4.2, with their option A: where a stage halves the map
and widens, the shortcut takes every second pixel and fills the new channels with zeros, so that it
has no parameters. We differ in the start of the weights (see `initialize`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Gt, Len
from torch import Tensor, nn
from torch.nn import functional as F

from clipbench.models.initialize import Scheme, initialize
from clipbench.models.units import ConvUnit, MakeClip, linear

BLOCKS_A_STAGE = 3


class BasicBlock(nn.Module):
    """Two units around a shortcut; the second's clip sees the sum."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        make_clip: MakeClip,
        batch_norm: bool,
        stride: int,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.new_channels = out_channels - in_channels
        self.conv1 = ConvUnit(
            in_channels, out_channels, make_clip=make_clip, batch_norm=batch_norm, stride=stride
        )
        self.conv2 = ConvUnit(
            out_channels, out_channels, make_clip=make_clip, batch_norm=batch_norm
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in, H, W) to (N, out, H / stride, W / stride)."""
        return self.conv2(self.conv1(x), self._shortcut(x))

    def _shortcut(self, x: Tensor) -> Tensor:
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new_channels)) if self.new_channels > 0 else x


class GlobalAverage(nn.Module):
    """The mean over all positions of a map."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C)."""
        return x.mean(dim=(2, 3))


class ResNet20(nn.Sequential):
    """Sites `conv1`, `layer1.0.conv1`, `layer1.0.conv2` ... `layer3.2.conv2`, and a linear head.

    Args:
        make_clip: Called once a site as `make_clip(num_features=...)`.
        in_channels: Channels of the images.
        image_size: Height and width of the images in pixels; the network itself fits any.
        num_classes: Length of the logits.
        generator: Source of the initial weights.
        widths: Channels of the three stages, none narrower than the one before.
        batch_norm: Normalise before each clip.
        init: How initial weights are scaled, see `initialize`.

    Raises:
        ValueError: If a stage is narrower than the one before; the shortcut cannot drop channels.
    """

    def __init__(
        self,
        *,
        make_clip: MakeClip,
        in_channels: int,
        image_size: int,
        num_classes: int,
        generator: torch.Generator,
        widths: Annotated[Sequence[Annotated[int, Gt(0)]], Len(3, 3)] = (16, 32, 64),
        batch_norm: bool = True,
        init: Scheme = "gain",
    ) -> None:
        if list(widths) != sorted(widths):
            raise ValueError(f"ResNet20 needs widths that do not fall, got {list(widths)}.")
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["conv1"] = ConvUnit(
            in_channels, widths[0], make_clip=make_clip, batch_norm=batch_norm
        )
        channels = widths[0]
        for stage, width in enumerate(widths, start=1):
            blocks = []
            for number in range(BLOCKS_A_STAGE):
                stride = 2 if stage > 1 and number == 0 else 1
                blocks.append(
                    BasicBlock(
                        channels, width, make_clip=make_clip, batch_norm=batch_norm, stride=stride
                    )
                )
                channels = width
            parts[f"layer{stage}"] = nn.Sequential(*blocks)
        parts["average"] = GlobalAverage()
        parts["head"] = linear(channels, num_classes)
        super().__init__(parts)
        initialize(self, scheme=init, generator=generator)
