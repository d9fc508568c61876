"""Which tensors are as good as numbers: those that can be read at once, at no cost.

A 0-d tensor on a CPU is one, unless a compiler is tracing or a transform of ``torch.func`` is at
work, which refuse to be asked. On a GPU reading would wait for everything queued before it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def is_readable(tensor: Tensor) -> bool:
    """Say whether ``tensor.item()`` waits for no device and leaves no transform."""
    at_hand = tensor.is_cpu and tensor.dim() == 0
    return at_hand and not torch.compiler.is_compiling() and not is_transformed()


def are_numbers(*scalars: Tensor, beside: Tensor) -> bool:
    """Say whether scalar kernels may take the place of tensors in arithmetic with ``beside``.

    They round to half precision at other places than tensors do.
    """
    wide = beside.dtype in (torch.float32, torch.float64)
    return wide and all(is_readable(scalar) for scalar in scalars)


def is_transformed() -> bool:
    """Say whether ``vmap``, ``grad`` or another transform of ``torch.func`` is at work."""
    return torch._C._are_functorch_transforms_active()  # what autograd.Function itself asks
