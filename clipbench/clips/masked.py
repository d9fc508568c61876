"""Masked clip: ``y = m clip(x, -t, t) + (1 - m) x`` with a mask ``m`` and a learned ``t > 0``.

``dy/dx = 1 - m 1[|x| >= t]`` and ``dy/dt = m (1[x >= t] - 1[x <= -t])``. The mask is a comparison
and passes no gradient, by design. It is the repair of ``published_mask``, whose threshold never
learns: there the mask only decides what is filled, here it says where a clip acts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor

from clipbench.clips import masks
from clipbench.clips.learnable import LearnableClip
from clipbench.clips.tie_rule import clip_at

_NAMED = ("positive", "negative", "outlier", "channels")
_OUTLIER_K = 3.0


class MaskedClip(LearnableClip):
    """Clip to plus or minus a learned threshold where a mask says so, identity elsewhere.

    Args:
        num_features: number of channels, needed with ``per="channel"`` and with
            ``mask="channels"``.
        init: the first threshold, or a data rule such as ``percentile:99`` or ``std:3``.
        per: one threshold for the layer, or one for each channel.
        positivity: how the threshold stays positive.
        mask: what is clipped: positive or negative inputs, outliers within their sample, some
            channels, or what a function of the input marks (bool, of the shape of the input); in a
            configuration such a function is ``{_target_: mypkg.f, _partial_: true}``.
        k: standard deviations that make an outlier, 3 if None; only with ``mask="outlier"``.
        channels: the channels clipped; only with ``mask="channels"``.

    Raises:
        ValueError: an argument is out of range, or would do nothing under this mask.
    """

    def __init__(
        self,
        *,
        num_features: int | None = None,
        init: Annotated[float, Gt(0)] | str = 1.0,
        per: Literal["layer", "channel"] = "layer",
        positivity: Literal["project", "abs", "softplus", "exp", "square"] = "project",
        mask: Literal["positive", "negative", "outlier", "channels"]
        | Callable[[Tensor], Tensor] = "positive",
        k: Annotated[float, Gt(0)] | None = None,
        channels: list[int] | None = None,
    ) -> None:
        super().__init__(num_features=num_features, init=init, per=per, positivity=positivity)
        if isinstance(mask, str) and mask not in _NAMED:
            raise ValueError(
                f"MaskedClip needs mask to be a function or one of {', '.join(_NAMED)}, "
                f"got {mask!r}."
            )
        if k is not None and (mask != "outlier" or not k > 0):
            raise ValueError(
                f"MaskedClip takes k > 0, and only with mask='outlier', got {k=} with {mask=}."
            )
        if channels is not None and mask != "channels":
            raise ValueError(
                "MaskedClip takes channels only with mask='channels', "
                f"got {channels=} with {mask=}."
            )
        self.mask = mask
        self.k = _OUTLIER_K if k is None else k
        if mask == "channels":
            # A buffer, so that it follows the device; not saved, for the configuration says it.
            chosen = _chosen(channels, num_features)
            self.register_buffer("chosen", chosen, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Clip both tails of what is masked."""
        upper = self.upper.for_input(x)
        # By sign there is one tail, and no mask needs to be written and read again.
        if self.mask == "positive":
            return clip_at(x, torch.full_like(upper, -math.inf), upper)
        if self.mask == "negative":
            return clip_at(x, -upper, torch.full_like(upper, math.inf))
        return torch.where(self._masked(x), super().forward(x), x)

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give 1 above and -1 below, where masked; an input at both bounds cancels."""
        return {"upper": self._masked(x) * super().slopes(x)["upper"]}

    def saturated(self, x: Tensor) -> Tensor:
        """Mark the masked tails."""
        return self._masked(x) & super().saturated(x)

    def extra_repr(self) -> str:
        """Name the settings in ``repr``."""
        return f"mask={self.mask if isinstance(self.mask, str) else _name(self.mask)}"

    def _masked(self, x: Tensor) -> Tensor:
        if self.mask == "positive":
            return masks.positive(x)
        if self.mask == "negative":
            return masks.negative(x)
        if self.mask == "outlier":
            return masks.outlier(x, k=self.k)
        if self.mask == "channels":
            return masks.in_channels(x, self.get_buffer("chosen"))
        return _asked(self.mask, x)


def _asked(predicate: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    answer = predicate(x)
    if not isinstance(answer, Tensor) or answer.dtype != torch.bool or answer.shape != x.shape:
        raise TypeError(
            f"MaskedClip needs mask {_name(predicate)} to return a bool tensor of shape "
            f"{tuple(x.shape)}, got {_kind(answer)}."
        )
    return answer


def _name(predicate: Callable[[Tensor], Tensor]) -> str:
    function = predicate.func if isinstance(predicate, partial) else predicate
    return getattr(function, "__qualname__", repr(function))


def _kind(answer: object) -> str:
    if not isinstance(answer, Tensor):
        return type(answer).__name__
    return f"{answer.dtype} of shape {tuple(answer.shape)}"


def _chosen(channels: list[int] | None, num_features: int | None) -> Tensor:
    if not channels:
        raise ValueError(f"MaskedClip needs channels with mask='channels', got {channels=}.")
    if num_features is None:
        raise ValueError("MaskedClip needs num_features with mask='channels', got None.")
    if len(set(channels)) < len(channels) or not all(0 <= c < num_features for c in channels):
        raise ValueError(
            f"MaskedClip needs distinct channels from 0 to {num_features - 1}, got {channels}."
        )
    chosen = torch.zeros(num_features, dtype=torch.bool)
    chosen[channels] = True
    return chosen
