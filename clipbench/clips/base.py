"""The contract of every clip.

A *clip* is whatever stands at an activation site. It keeps shape and dtype, writes nothing on
itself in ``forward``, and tells its thresholds by name, so that probes, penalties and reports treat
every clip alike.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from clipbench.clips.threshold import Threshold

Gradient = Literal["exact", "surrogate", "none"]
Verdict = Literal["EXACT", "SURROGATE", "ZERO_ALMOST_EVERYWHERE", "NO_GRADIENT", "FIXED"]


class Clip(nn.Module):
    """What stands at one activation site.

    Attributes:
        threshold_decay: what weight decay the thresholds get by default: none, or that of the
            weights.
        gradient: what autograd gives for the thresholds (for the input, where there are none): the
            derivative almost everywhere (``exact``), an estimate in its place (``surrogate``), or
            nothing (``none``).
        verdict: what an audit of the threshold gradient is expected to find; ``FIXED`` where there
            is nothing to learn. A setting that changes the kind of gradient changes both on the
            instance.
        bounded_after_training: whether the clip trains without its bound, which is set from the
            largest output over the training part once training is over.

    Args:
        num_features: size of dimension 1 of the input, which only clips with one threshold a
            channel need.
    """

    threshold_decay: ClassVar[Literal["none", "weights"]] = "none"
    gradient: Gradient = "exact"
    verdict: Verdict = "FIXED"
    bounded_after_training: ClassVar[bool] = False

    def __init__(self, *, num_features: int | None = None) -> None:
        super().__init__()
        if num_features is not None and num_features < 1:
            raise ValueError(f"{type(self).__name__} needs num_features >= 1, got {num_features}.")
        self.num_features = num_features

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C)`` or ``(N, C, H, W)`` to the same shape and dtype."""
        raise NotImplementedError(f"{type(self).__name__} has no forward.")

    def thresholds(self) -> dict[str, Tensor]:
        """Give the effective thresholds by name, of shape ``()``, ``(C,)`` or that of a sample.

        Learned ones are differentiable. A threshold called ``upper`` is the attribute ``upper`` of
        the clip, a ``Threshold``.
        """
        return {}

    def slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Give the derivative of each output element by each learned threshold, by name.

        Written from the method's formula, as a second opinion on autograd; for a surrogate, what it
        puts in the derivative's place. Each is of the shape and dtype of ``x``. A threshold without
        a gradient has zeros.
        """
        return {}

    def window(self, x: Tensor) -> dict[str, Tensor]:
        """Mark the elements of ``x`` that give each learned threshold a gradient, by name.

        Each is bool and of the shape of ``x``, and equals the non-zeros of autograd's gradient.
        """
        return {name: slope != 0 for name, slope in self.slopes(x).items()}

    def gradient_scale(self, x: Tensor) -> float:
        """Give the factor by which the method multiplies its thresholds' gradients on purpose."""
        return 1.0

    def active(self, x: Tensor) -> Tensor | None:
        """Give 1 where the clip lets ``x`` through and 0 elsewhere, trainable in the thresholds.

        Of the shape and dtype of ``x``, without gradient in ``x``; None for clips whose thresholds
        have no straight-through gradient for it.
        """
        return None

    def saturated(self, x: Tensor) -> Tensor:
        """Mark the elements of ``x`` at or beyond a threshold: bool, of the shape of ``x``."""
        return torch.zeros_like(x, dtype=torch.bool)

    def project(self) -> None:
        """Bring the raw thresholds back into their domain; called after each optimizer step."""
        for threshold in self._owned():
            threshold.project()

    def calibrate(self, x: Tensor) -> None:
        """Set every threshold that has a data rule from the pre-activations ``x``."""
        for threshold in self._owned():
            threshold.calibrate(x)

    def set_bound(self, largest: Tensor) -> None:
        """Set the bound from the largest output over the training part, a 0-d tensor."""
        raise NotImplementedError(f"{type(self).__name__} is not bounded after training.")

    def _owned(self) -> list[Threshold]:
        return [module for module in self.modules() if isinstance(module, Threshold)]


def sites(model: nn.Module) -> dict[str, Clip]:
    """Find the clips of ``model``, by the path of the module that owns each, in registration order.

    The clip at ``conv1.clip`` is found under ``conv1``, the model's own under ``""``.
    """
    owners = ((path, getattr(module, "clip", None)) for path, module in model.named_modules())
    return {path: clip for path, clip in owners if isinstance(clip, Clip)}
