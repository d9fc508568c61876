"""What a module does with an input exactly at a threshold, beside its neighbours.

Expressions that agree everywhere else disagree there: a clamp may give the whole gradient to the
input, the whole to the threshold, or half to each (see ``clips.base`` for the rule here). Ties are
rare in float32 and common after rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clipbench.audit.inputs import features_of, thresholds_of

# Far enough to be another number, near enough to be on the same piece.
NEAR = 1e-6


@dataclass(frozen=True)
class TieRow:
    """Derivatives just below, at, and just above one threshold value.

    Attributes:
        at: the input, a threshold's value or its negative.
        of: ``x`` or the parameter the derivative is taken by.
        slopes: the derivative of the output below, at and above; None where there is no gradient.
    """

    at: float
    of: str
    slopes: tuple[float | None, float | None, float | None]


def tie_table(module: nn.Module) -> list[TieRow]:
    """Tabulate every finite threshold value of a module that tells its thresholds.

    Thresholds with several values are represented by their first.
    """
    values = [value.flatten()[0].item() for value in thresholds_of(module).values()]
    ties = dict.fromkeys(tie for value in values for tie in (-value, value) if abs(tie) < 1e6)
    return [row for tie in sorted(ties) for row in _rows(module, tie)]


def _rows(module: nn.Module, tie: float) -> list[TieRow]:
    at = [_slopes(module, tie + offset) for offset in (-NEAR, 0.0, NEAR)]
    return [TieRow(tie, of, (at[0][of], at[1][of], at[2][of])) for of in at[0]]


def _slopes(module: nn.Module, position: float) -> dict[str, float | None]:
    """Differentiate one output element; the other elements of its sample are far from ties."""
    x = torch.linspace(-1.93, 1.77, features_of(module), dtype=torch.float64)[None].clone()
    x[0, 0] = position
    x.requires_grad_()
    parameters = dict(module.named_parameters())
    output = module(x)[0, 0]
    leaves = {"x": x, **parameters}
    if not output.requires_grad:
        return dict.fromkeys(leaves)
    gradients = torch.autograd.grad(output, list(leaves.values()), allow_unused=True)
    return {name: _first(gradient) for name, gradient in zip(leaves, gradients, strict=True)}


def _first(gradient: Tensor | None) -> float | None:
    return None if gradient is None else gradient.flatten()[0].item()
