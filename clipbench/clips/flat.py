"""A tensor as one row of numbers, for products and sums over all of them."""

from __future__ import annotations

import torch
from torch import Tensor


def flat(tensor: Tensor) -> Tensor:
    """Give the elements ``(n,)``, without a copy where they lie side by side in memory.

    In the order of the indices, or, with channels last, in that of memory: tensors of one shape and
    layout agree.
    """
    if tensor.dim() == 1:
        return tensor
    if tensor.is_contiguous(memory_format=torch.channels_last):
        return tensor.as_strided((tensor.numel(),), (1,))
    return tensor.reshape(-1)


def dot(first: Tensor, second: Tensor) -> Tensor:
    """Give the scalar product of two tensors of one shape, 0-d, however each lies in memory.

    Args:
        first: without gaps.
        second: copied where it lies otherwise than the first.
    """
    if second.stride() != first.stride():
        second = torch.empty_like(first).copy_(second)
    return torch.dot(flat(first), flat(second))
