"""Which gradient does a parameter get? Autograd, finite differences and the written formula.

Three questions about every parameter ``p`` of a module, in float64, for several losses ``L``:

1. Does autograd give the derivative where there is one? It is compared with central differences
   over a step so small that no input crosses a jump, at several places of the path below: a factor
   that is one at some value of ``p`` is not at another.
2. Does the loss change as the gradient promises? Along the path from ``p - H`` to ``p + H`` the
   integral of the gradient should be ``L(p + H) - L(p - H)``: the fundamental theorem of calculus,
   which jumps break and a good straight-through estimate restores. What is missing, relative to
   the change, is the *bias*; the mean over inputs and path is the smoothing without which a loss
   with jumps has no slope to compare with.
3. Does the formula that the clip has written down give what autograd gives?

========================  ======================================================================
verdict                   meaning
========================  ======================================================================
EXACT                     yes to 1 and 2
SURROGATE                 there are jumps, or the clip declares an estimate, and the gradient
                          points the way the loss falls
ZERO_ALMOST_EVERYWHERE    the gradient is zero everywhere, while the loss changes or nothing does;
                          if nothing does, also once the other parameters have moved a little
NO_GRADIENT               autograd never reaches the parameter
WRONG                     no to 1 though the loss has no jumps, or the wrong direction, or no to 3
========================  ======================================================================
"""

from __future__ import annotations

import copy
import math
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from clipbench.audit.distances import cosine_of, distance, ratio_of, relative
from clipbench.audit.losses import Losses
from clipbench.audit.path import Stretch, stretch_for
from clipbench.clips.base import Clip

Verdict = Literal["EXACT", "SURROGATE", "ZERO_ALMOST_EVERYWHERE", "NO_GRADIENT", "WRONG"]

# Shares of the half path from its middle, none at a value that is special to a parametrisation.
PLACES = (0.0, -0.7, 0.6)
AGREES = 1e-5
# Where values are large or curved, differences are no closer to a derivative that is right.
ROUNDS = 1e-3
# What the quadrature leaves open: some inputs in the hundred that lie in a narrow path.
KEEPS = 0.02
# Points on the path, and how many times it is shortened, for a derivative that is right but does
# not yet add up: it may be steep, or the path may lead across another threshold.
ATTEMPTS = ((32, 1), (512, 1), (128, 8))
# An estimate may be useless for some losses; one that leads back is wrong.
AGAINST = -0.1
FORMULA_AGREES = 1e-12


@dataclass(frozen=True)
class GradientReport:
    """What was found about one parameter.

    Attributes:
        name: its path in the module.
        verdict: see the module.
        bias: relative distance between promised and real change of the losses; 0 is none.
        cosine: of the angle between the two, 1 is the same direction.
        difference: relative distance between autograd and finite differences, at the first place
            where they differ.
        formula: relative distance between autograd and the written formula; None where there is
            no formula.
        ratio: autograd over finite differences there, as a least-squares factor.
        idle: whether nothing changes with it at the first values of the other parameters; the rest
            is then what was found once these have moved a little.
    """

    name: str
    verdict: Verdict
    bias: float = float("nan")
    cosine: float = float("nan")
    difference: float = float("nan")
    formula: float | None = None
    ratio: float = float("nan")
    idle: bool = False

    @property
    def without_effect(self) -> bool:
        """Whether neither the output nor the gradient changes with it."""
        return self.verdict == "ZERO_ALMOST_EVERYWHERE" and math.isinf(self.bias)


def judge(module: nn.Module, x: Tensor) -> list[GradientReport]:
    """Judge every parameter of ``module`` that wants a gradient; float64, in evaluation mode.

    Args:
        module: a clip, or any module that keeps the shape of its input.
        x: float64 inputs.
    """
    learned = [name for name, each in module.named_parameters() if each.requires_grad]
    return [_judge_moved(module, name, x, others=set(learned) - {name}) for name in learned]


def _judge_moved(
    module: nn.Module, name: str, x: Tensor, *, others: AbstractSet[str]
) -> GradientReport:
    """Judge a parameter, and if it has no effect, once more beside others that have moved."""
    report = _judge(module, name, x)
    if not others or not report.without_effect:
        return report
    again = _judge(_with_moved(module, others), name, x)
    return report if again.without_effect else replace(again, idle=True)


@torch.no_grad()
def _with_moved(module: nn.Module, names: AbstractSet[str]) -> nn.Module:
    """Give a copy in which these parameters are as a few steps might leave them."""
    moved = copy.deepcopy(module)
    for name in names:
        moved.get_parameter(name).mul_(1.1).add_(0.05)
    return moved


def _judge(module: nn.Module, name: str, x: Tensor) -> GradientReport:
    losses, own = Losses(module, name, x), module.get_parameter(name).detach()
    at_own = losses.slopes(own)
    if at_own is None:
        return GradientReport(name, "NO_GRADIENT")
    formula = _formula_error(module, name, at_own, x, losses)
    path = stretch_for(module, name, losses, has_gradient=bool(at_own.any()))
    scale = module.gradient_scale(x) if isinstance(module, Clip) else 1.0
    for points, times in ATTEMPTS:
        stretch = path.shorter(times)
        at, slope, exact = _where_apart(losses, stretch, scale)
        difference, change = distance(slope, exact), stretch.change(losses)
        promised, local = stretch.promises(losses, points)
        promised = promised / scale
        bias, cosine = relative(promised - change, change), cosine_of(promised, change)
        if at == PLACES[0] or (bias <= KEEPS and difference <= AGREES):
            break
    jumps = distance(local, change) > KEEPS
    declared = isinstance(module, Clip) and module.gradient == "surrogate"
    right = difference <= AGREES or (difference <= ROUNDS and not jumps)
    if not slope.any() and not promised.any():
        verdict: Verdict = "ZERO_ALMOST_EVERYWHERE"
    elif formula is not None and formula > FORMULA_AGREES:
        verdict = "WRONG"
    elif right and bias <= KEEPS:
        verdict = "EXACT"
    else:
        verdict = "SURROGATE" if (jumps or declared) and cosine > AGAINST else "WRONG"
    return GradientReport(name, verdict, bias, cosine, difference, formula, ratio_of(slope, exact))


def _where_apart(losses: Losses, stretch: Stretch, scale: float) -> tuple[float, Tensor, Tensor]:
    """Give the first place where autograd and finite differences differ, and both slopes there."""
    for share in PLACES:
        place = stretch.at(losses, share)
        slope, exact = losses.slopes(place), losses.differences(place)
        found = torch.zeros_like(exact) if slope is None else slope / scale
        if not distance(found, exact) <= AGREES:
            break
    return share, found, exact


def _formula_error(
    module: nn.Module, name: str, slope: Tensor, x: Tensor, losses: Losses
) -> float | None:
    """Compare autograd's slope of each loss with the clip's own formula times the chain factor."""
    threshold = name.removesuffix(".raw")
    written = module.slopes(x) if isinstance(module, Clip) else {}
    if threshold not in written or not isinstance(module, Clip):
        return None
    raw = module.get_parameter(name)
    (chain,) = torch.autograd.grad(module.thresholds()[threshold].sum(), raw)
    factor = chain * losses.direction * module.gradient_scale(x)
    factor = factor.view(-1, *[1] * (x.dim() - 2)) if factor.dim() == 1 else factor
    expected = (losses.weights * written[threshold].detach() * factor).flatten(1).sum(1)
    return distance(slope, expected)
