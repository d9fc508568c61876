"""A multi-layer perceptron: one hidden layer per width, a clip after each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Len, Lt
from torch import nn

from clipbench.models.initialize import Scheme, initialize
from clipbench.models.units import LinearUnit, MakeClip, linear


class MLP(nn.Sequential):
    """Flatten, hidden layers at the sites `fc1`, `fc2` ..., and a linear head.

    Args:
        make_clip: Called once a site as `make_clip(num_features=...)`.
        in_channels: Channels of the images.
        image_size: Height and width of the images in pixels.
        num_classes: Length of the logits.
        generator: Source of the initial weights.
        widths: Units of each hidden layer.
        batch_norm: Normalise before each clip.
        dropout: Share of each clip's outputs that training drops.
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
        widths: Annotated[Sequence[Annotated[int, Gt(0)]], Len(1)] = (256, 128),
        batch_norm: bool = False,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.0,
        init: Scheme = "gain",
    ) -> None:
        parts: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        features = in_channels * image_size**2
        for number, width in enumerate(widths, start=1):
            parts[f"fc{number}"] = LinearUnit(
                features, width, make_clip=make_clip, batch_norm=batch_norm, dropout=dropout
            )
            features = width
        parts["head"] = linear(features, num_classes)
        super().__init__(parts)
        initialize(self, scheme=init, generator=generator)
