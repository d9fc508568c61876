"""What a module does with an input exactly at a threshold, beside its neighbours.

Expressions that agree everywhere else disagree there: a clamp may give the whole gradient to the
input, the whole to the threshold, or half to each (see ``clips.base`` for the rule here). Ties are
rare in float32 and common after rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clipbench.audit.inputs import audit_inputs, output_of, thresholds_of
from clipbench.clips.base import Clip

# Far enough to be another number, near enough to be on the same piece.
NEAR = 1e-6
# A smooth function's slope changes by less over so short a way.
TURNS = 1e-3


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
    """Tabulate the thresholds that a clip tells, or those that another module's parameters are.

    Every finite threshold of a clip and its negative have their rows; of another module, those
    numbers and vectors among its parameters at which a slope turns. Of several values in one, the
    first stands for all.
    """
    values = [value.flatten()[0].item() for value in _candidates(module)]
    ties = dict.fromkeys(tie for value in values for tie in (-value, value) if abs(tie) < 1e6)
    sample = audit_inputs(module)[:1]
    tables = [_rows(module, sample, tie) for tie in sorted(ties)]
    told = isinstance(module, Clip)
    return [row for rows in tables if told or any(map(_turns, rows)) for row in rows]


def _candidates(module: nn.Module) -> list[Tensor]:
    if isinstance(module, Clip):
        return list(thresholds_of(module).values())
    return [each.detach() for each in module.parameters() if each.requires_grad and each.dim() < 2]


def _turns(row: TieRow) -> bool:
    known = [slope for slope in row.slopes if slope is not None]
    return len(known) > 0 and max(known) - min(known) > TURNS


def _rows(module: nn.Module, sample: Tensor, tie: float) -> list[TieRow]:
    at = [_slopes(module, sample, tie + offset) for offset in (-NEAR, 0.0, NEAR)]
    return [TieRow(tie, of, (at[0][of], at[1][of], at[2][of])) for of in at[0]]


def _slopes(module: nn.Module, sample: Tensor, position: float) -> dict[str, float | None]:
    """Differentiate the first output; the rest of the sample stays the same."""
    x = torch.linspace(-1.93, 1.77, sample.numel(), dtype=sample.dtype).view(sample.shape)
    x.view(-1)[0] = position
    x.requires_grad_()
    learned = {name: each for name, each in module.named_parameters() if each.requires_grad}
    leaves = {"x": x, **learned}
    output = output_of(module, x, learned).flatten()[0]
    if not output.requires_grad:
        return dict.fromkeys(leaves)
    gradients = torch.autograd.grad(output, list(leaves.values()), allow_unused=True)
    return {name: _first(gradient) for name, gradient in zip(leaves, gradients, strict=True)}


def _first(gradient: Tensor | None) -> float | None:
    return None if gradient is None else gradient.flatten()[0].item()
