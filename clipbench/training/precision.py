"""The precision of the forward pass: float32, or bfloat16 where a kernel has it.

With ``bf16`` the operations that gain from it (convolutions, products) run in bfloat16 and hand
bfloat16 on, so that clips read and write half the bytes; weights, thresholds, statistics, the loss
and the update stay in float32 (Micikevicius et al. 2018, arXiv 1710.03740, there with float16).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

Precision = Literal["fp32", "bf16"]


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Give the block in which a forward pass has this precision.

    Args:
        device: Where the model is.
        precision: ``fp32`` changes nothing.
    """
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def bf16_pays(device: torch.device) -> bool:
    """Tell whether the device computes in bfloat16 itself instead of imitating it."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and _has_bf16_units()
    return False


def _has_bf16_units() -> bool:
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
