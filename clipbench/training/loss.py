"""What a step minimises, and how many images it got right."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy (nats) of ``logits (N, K)`` against ``labels (N,)``."""
    return F.cross_entropy(logits.float(), labels)


def count_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Return how many labels have the highest logit, as a 0-d integer tensor on the device."""
    return (logits.argmax(dim=1) == labels).sum()
