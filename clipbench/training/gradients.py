"""The gradients of one step: their global norm, the share of the thresholds, and clipping."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from clipbench.clips.base import sites

GradClip = Callable[[list[Tensor]], list[Tensor]]


def global_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Return the L2 norm over all gradients together, as a 0-d tensor; zero if there are none."""
    if not gradients:
        return torch.zeros(())
    return torch.nn.utils.get_total_norm(gradients, norm_type=2.0)


def clip_gradients(parameters: Sequence[nn.Parameter], grad_clip: GradClip | None) -> Tensor:
    """Replace the gradients by clipped ones and return their global norm before clipping.

    Parameters without a gradient (a threshold that only feeds a comparison) are left out.
    """
    owners = [parameter for parameter in parameters if parameter.grad is not None]
    gradients = [owner.grad for owner in owners if owner.grad is not None]
    norm = global_norm(gradients)
    if grad_clip is not None:
        for owner, clipped in zip(owners, grad_clip(gradients), strict=True):
            owner.grad = clipped
    return norm


def threshold_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return every parameter that lives inside a clip, each once, in the order of the sites."""
    return [parameter for clip in sites(model).values() for parameter in clip.parameters()]
