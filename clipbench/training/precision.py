"""The precision of the forward pass: float32, or bfloat16 where a kernel has it.

With ``bf16`` the operations that gain from it (convolutions, products) run in bfloat16 and hand
bfloat16 on, so that clips read and write half the bytes; weights, thresholds, statistics, the loss
and the update stay in float32 (Micikevicius et al. 2018, arXiv 1710.03740, there with float16).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import nn

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


def bf16_pays(model: nn.Module, device: torch.device) -> bool:
    """Tell whether ``bf16`` makes the steps of a model shorter on a device.

    It does where the device computes in bfloat16 itself instead of imitating it, and where the
    model has convolutions, whose maps are large; a small perceptron spends the gain on conversions.
    """
    has_maps = any(isinstance(part, nn.Conv2d) for part in model.modules())
    return has_maps and _computes_in_bf16(device)


def _computes_in_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    has_units = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return device.type == "cpu" and has_units
