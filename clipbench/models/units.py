"""One activation site: a layer, an optional norm, the clip, and what follows it.

The owner of a clip is its site, so a unit's path in the model is the name under which everything
about its clip is recorded. Layers are made without values: `initialize` draws them all.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.utils import skip_init

from clipbench.models.dropout import Dropout

MakeClip = Callable[..., nn.Module]


class ConvUnit(nn.Module):
    """A 3x3 convolution, batch norm or a bias, the clip, and 2x2 max-pooling where asked for."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        make_clip: MakeClip,
        batch_norm: bool,
        stride: int = 1,
        pool: bool = False,
    ) -> None:
        super().__init__()
        self.conv = skip_init(
            nn.Conv2d,
            in_channels,
            out_channels,
            3,
            stride=stride,
            padding=1,
            bias=not batch_norm,  # the norm subtracts any bias again
        )
        self.norm = nn.BatchNorm2d(out_channels) if batch_norm else None
        self.clip = make_clip(num_features=out_channels)
        self.pool = nn.MaxPool2d(2) if pool else None

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Map (N, in, H, W) to (N, out, H', W'); a residual is added just before the clip."""
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        if residual is not None:
            x = x + residual
        x = self.clip(x)
        return x if self.pool is None else self.pool(x)


class LinearUnit(nn.Module):
    """A linear layer, batch norm or a bias, the clip, and dropout where asked for."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        make_clip: MakeClip,
        batch_norm: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.linear = linear(in_features, out_features, bias=not batch_norm)
        self.norm = nn.BatchNorm1d(out_features) if batch_norm else None
        self.clip = make_clip(num_features=out_features)
        self.dropout = Dropout(dropout) if dropout > 0.0 else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in) to (N, out)."""
        x = self.linear(x)
        if self.norm is not None:
            x = self.norm(x)
        x = self.clip(x)
        return x if self.dropout is None else self.dropout(x)


def linear(in_features: int, out_features: int, *, bias: bool = True) -> nn.Linear:
    """Make a linear layer whose values are still to be drawn."""
    layer = skip_init(nn.Linear, in_features, out_features, bias=bias)
    assert isinstance(layer, nn.Linear)
    return layer
