"""Masks: which elements a masked clip acts on.

Pure functions from pre-activations to bool, of their shape. A mask compares, so it has no gradient
and needs none.
"""

from __future__ import annotations

import torch
from torch import Tensor


def positive(x: Tensor) -> Tensor:
    """Mark what is above zero."""
    return x > 0


def negative(x: Tensor) -> Tensor:
    """Mark what is below zero."""
    return x < 0


def outlier(x: Tensor, *, k: float) -> Tensor:
    """Mark what is more than ``k`` standard deviations from the mean of its own sample.

    Of the sample and not of the batch, in both: what a network answers for an image must not depend
    on the images beside it.
    """
    wide = x.detach().to(torch.promote_types(x.dtype, torch.float32))
    dims = tuple(range(1, x.dim()))
    centred = wide - wide.mean(dim=dims, keepdim=True)
    variance = centred.square().mean(dim=dims, keepdim=True)
    return centred.abs() > k * variance.sqrt()


def in_channels(x: Tensor, chosen: Tensor) -> Tensor:
    """Mark the channels, dimension 1 of ``x``, where ``chosen`` ``(C,)`` is true."""
    return chosen.view(-1, *[1] * (x.dim() - 2)).expand_as(x)
