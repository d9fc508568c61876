"""The contract of every gradient clip, and the arithmetic of those that scale by one factor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

State = dict[str, Tensor]
Kind = Literal["weights", "biases", "thresholds", "head"]


@dataclass(frozen=True)
class Weight:
    """The parameter that a gradient belongs to.

    Attributes:
        value: the parameter as it is before the step.
        kind: its place in the model: everything inside a clip is ``thresholds``, everything else in
            the classifier is ``head``; of the rest, matrices and kernels are ``weights`` and
            vectors and numbers ``biases``.
    """

    value: Tensor
    kind: Kind


class GradClip(ABC):
    """What is done to the gradients of one model before each step."""

    def init(self, *, total_steps: int) -> State:
        """Give the state before the first step, on the CPU; empty where nothing is remembered.

        Args:
            total_steps: steps of the whole run, at least 1.
        """
        return {}

    @abstractmethod
    def __call__(
        self, gradients: list[Tensor], *, weights: Sequence[Weight], state: State
    ) -> tuple[list[Tensor], State]:
        """Give the clipped gradients and the next state, both new; what came in stays as it was.

        No element grows or changes its sign, and NaN stays NaN. Without gradients the state stays
        the same.

        Args:
            gradients: those of one model.
            weights: the parameters they belong to, in the same order.
            state: what ``init`` or the step before gave, on the device of the gradients.
        """


def joint_norm(gradients: Sequence[Tensor], order: float = 2.0) -> Tensor:
    """Return the norm over all gradients together, 0-d, in float32 at least; there must be one.

    Args:
        gradients: of any floating dtypes.
        order: greater than 0; ``inf`` for the largest element.
    """
    # Not torch.nn.utils.get_total_norm: its fused kernels have no rule for vmap.
    norms = [
        torch.linalg.vector_norm(g, order, dtype=torch.promote_types(g.dtype, torch.float32))
        for g in gradients
    ]
    return torch.linalg.vector_norm(torch.stack(norms), order)


def scale_to(gradients: Sequence[Tensor], *, norm: Tensor, limit: Tensor | float) -> list[Tensor]:
    """Give ``g * min(1, limit / (norm + 1e-6))`` for each gradient, in its own dtype.

    The 1e-6 is that of ``torch.nn.utils.clip_grad_norm_``: a norm at or just below ``limit`` is
    already scaled, by a millionth. A norm that is not finite makes every gradient NaN or zero, as
    torch does.

    Args:
        gradients: of any shapes.
        norm: their joint norm, 0-d.
        limit: largest norm, at least 0; ``inf`` for none.
    """
    scale = (limit / (norm + 1e-6)).clamp(max=1.0)
    return [gradient * scale.to(gradient.dtype) for gradient in gradients]
