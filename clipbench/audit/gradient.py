"""Which gradient does a parameter get? Autograd, finite differences and the written formula.

Three questions about every parameter ``p`` of a module, in float64, for several losses ``L``:

1. Does autograd give the derivative where there is one? It is compared with central differences
   over a step so small that no input crosses a jump.
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
ZERO_ALMOST_EVERYWHERE    the gradient is zero everywhere, while the loss changes or nothing does
NO_GRADIENT               autograd never reaches the parameter
WRONG                     no to 1 though the loss has no jumps, or the wrong direction, or no to 3
========================  ======================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from clipbench.audit.inputs import loss_weights
from clipbench.clips.base import Clip

Verdict = Literal["EXACT", "SURROGATE", "ZERO_ALMOST_EVERYWHERE", "NO_GRADIENT", "WRONG"]

# Far below the distance between inputs, far above the rounding of a mean of order one.
SMALL = 1e-7
AGREES = 1e-5
# What the quadrature leaves open: some inputs in the hundred that lie in a narrow path.
KEEPS = 0.02
PATH_POINTS = 32
FORMULA_AGREES = 1e-9


@dataclass(frozen=True)
class GradientReport:
    """What was found about one parameter.

    Attributes:
        name: its path in the module.
        verdict: see the module.
        bias: relative distance between promised and real change of the losses; 0 is none.
        cosine: of the angle between the two, 1 is the same direction.
        difference: relative distance between autograd and finite differences.
        formula: relative distance between autograd and the written formula; None where there is
            no formula.
        ratio: autograd over finite differences, as a least-squares factor.
    """

    name: str
    verdict: Verdict
    bias: float = float("nan")
    cosine: float = float("nan")
    difference: float = float("nan")
    formula: float | None = None
    ratio: float = float("nan")


def judge(module: nn.Module, x: Tensor) -> list[GradientReport]:
    """Judge every parameter of ``module``, which is float64 and in evaluation mode.

    Args:
        module: a clip, or any module that keeps the shape of its input.
        x: float64 inputs.
    """
    return [_judge(module, name, x) for name, _ in module.named_parameters()]


def _judge(module: nn.Module, name: str, x: Tensor) -> GradientReport:
    weights, start = loss_weights(x), module.get_parameter(name).detach()
    direction = torch.ones_like(start)
    slope = _autograd(module, name, start, direction, x, weights)
    if slope is None:
        return GradientReport(name, "NO_GRADIENT")
    half = _half_path(start)
    change = _losses(module, name, start + half * direction, x, weights)
    change -= _losses(module, name, start - half * direction, x, weights)
    promised, local = torch.zeros_like(change), torch.zeros_like(change)
    for share in (2 * torch.arange(PATH_POINTS) + 1) / PATH_POINTS - 1:
        point = start + share * half * direction
        step = _autograd(module, name, point, direction, x, weights)
        promised += 2 * half / PATH_POINTS * (0.0 if step is None else step)
        local += 2 * half / PATH_POINTS * _differences(module, name, point, direction, x, weights)
    scale = module.gradient_scale(x) if isinstance(module, Clip) else 1.0
    promised, slope = promised / scale, slope / scale
    exact = _differences(module, name, start, direction, x, weights)
    formula = _formula_error(module, name, slope * scale, x, weights)
    declared = isinstance(module, Clip) and module.gradient == "surrogate"
    difference, jumps = _distance(slope, exact), _distance(local, change) > KEEPS
    bias, cosine = _relative(promised - change, change), _cosine(promised, change)
    if not slope.any() and not promised.any():
        verdict: Verdict = "ZERO_ALMOST_EVERYWHERE"
    elif formula is not None and formula > FORMULA_AGREES:
        verdict = "WRONG"
    elif difference <= AGREES and bias <= KEEPS:
        verdict = "EXACT"
    else:
        verdict = "SURROGATE" if (jumps or declared) and cosine > 0 else "WRONG"
    return GradientReport(name, verdict, bias, cosine, difference, formula, _ratio(slope, exact))


def _losses(module: nn.Module, name: str, value: Tensor, x: Tensor, weights: Tensor) -> Tensor:
    with torch.no_grad():
        return (weights * functional_call(module, {name: value}, (x,))).flatten(1).sum(1)


def _autograd(
    module: nn.Module, name: str, value: Tensor, direction: Tensor, x: Tensor, weights: Tensor
) -> Tensor | None:
    """Give the derivative of each loss along ``direction``, or None where there is no gradient."""
    leaf = value.clone().requires_grad_()
    output = functional_call(module, {name: leaf}, (x,))
    if not output.requires_grad:
        return None
    slopes = [
        torch.autograd.grad(output, leaf, weight, retain_graph=True, allow_unused=True)[0]
        for weight in weights
    ]
    found = [(slope * direction).sum() for slope in slopes if slope is not None]
    return torch.stack(found) if found else None


def _differences(
    module: nn.Module, name: str, value: Tensor, direction: Tensor, x: Tensor, weights: Tensor
) -> Tensor:
    step = SMALL * max(1.0, value.abs().amax().item())
    above = _losses(module, name, value + step * direction, x, weights)
    return (above - _losses(module, name, value - step * direction, x, weights)) / (2 * step)


def _formula_error(
    module: nn.Module, name: str, slope: Tensor, x: Tensor, weights: Tensor
) -> float | None:
    """Compare autograd's slope of each loss with the clip's own formula times the chain factor."""
    threshold = name.removesuffix(".raw")
    written = module.slopes(x) if isinstance(module, Clip) else {}
    if threshold not in written or not isinstance(module, Clip):
        return None
    raw = module.get_parameter(name)
    (chain,) = torch.autograd.grad(module.thresholds()[threshold].sum(), raw)
    # Exact where all elements of a threshold share its chain factor, as they do at the start.
    expected = (weights * written[threshold].detach()).flatten(1).sum(1) * chain.flatten()[0]
    expected = expected * module.gradient_scale(x)
    return _distance(slope, expected)


def _half_path(value: Tensor) -> float:
    """Give half the length of the path: short enough not to change the sign."""
    size = value.abs().amin().item()
    return size / 2 if size > 0 else 0.25


def _relative(error: Tensor, size: Tensor) -> float:
    return (error.norm() / size.norm()).item() if size.norm() > 1e-12 else float("inf")


def _distance(found: Tensor, expected: Tensor) -> float:
    size = max(found.norm().item(), expected.norm().item())
    return 0.0 if size < 1e-12 else (found - expected).norm().item() / size


def _cosine(a: Tensor, b: Tensor) -> float:
    sizes = (a.norm() * b.norm()).item()
    return 0.0 if sizes < 1e-24 else (a @ b).item() / sizes


def _ratio(found: Tensor, expected: Tensor) -> float:
    size = (expected @ expected).item()
    return float("nan") if size < 1e-24 else (found @ expected).item() / size
