"""Clipping by global norm: ``g * min(1, max_norm / (norm + 1e-6))``.

Pascanu, Mikolov and Bengio, 2013. ``norm`` is taken over all gradients together. The 1e-6 is that
of ``torch.nn.utils.clip_grad_norm_``, not the paper's: a norm at or just below ``max_norm`` is
already scaled, by a millionth. A norm that is not finite makes every gradient NaN or zero, as torch
does; the loop stops on it.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor


def by_norm(
    gradients: list[Tensor],
    *,
    max_norm: Annotated[float, Gt(0)],
    norm_type: Annotated[float, Gt(0)] = 2.0,
) -> list[Tensor]:
    """Scale all gradients by one factor so that their global norm is at most ``max_norm``.

    Args:
        gradients: gradients of one model.
        max_norm: largest global norm.
        norm_type: order of the norm; ``inf`` for the largest element.

    Raises:
        ValueError: ``max_norm`` or ``norm_type`` is not positive.
    """
    if not max_norm > 0:
        raise ValueError(f"by_norm needs max_norm > 0, got {max_norm}.")
    if not norm_type > 0:
        raise ValueError(f"by_norm needs norm_type > 0, got {norm_type}.")
    if not gradients:
        return []
    # Not torch.nn.utils.get_total_norm: its fused kernels have no rule for vmap.
    norms = torch.stack([torch.linalg.vector_norm(g, norm_type) for g in gradients])
    scale = (max_norm / (torch.linalg.vector_norm(norms, norm_type) + 1e-6)).clamp(max=1.0)
    return [gradient * scale.to(gradient.dtype) for gradient in gradients]
