"""The tie rule: an input exactly at a bound is saturated.

Of ``y = min(max(x, lower), upper)`` the bound takes the whole gradient of what is at or beyond it,
and the input none (PACT, Choi et al., 2018). It stands here once because torch's own expressions
disagree about it: clamp gives the input all, minimum gives each side half.

The arithmetic has two forms. Where a bound is a number in memory, scalar kernels read and write
each tensor once; reading it there waits for nobody. On a GPU, under ``vmap``, in second derivatives
and in what ``torch.compile`` traces and fuses, bounds stay tensors.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from clipbench.clips.flat import dot
from clipbench.clips.readable import are_numbers, is_transformed
from clipbench.clips.straight_through import with_gradient_of

# The gradient of a smaller bound would underflow in products with it.
_LEAST = 1e-6


def clip_at(x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Give ``min(max(x, lower), upper)`` under the tie rule.

    ``x`` receives the gradient where ``lower < x < upper``, ``upper`` its sum over ``x >= upper``,
    ``lower`` its sum over ``x <= lower``; where the bounds meet, an input at both counts for both.
    Sums are kept in float32 at least and returned in the dtype of the bound. NaN inputs stay NaN.

    Args:
        x: pre-activations.
        lower: bound of the dtype of ``x``, 0-d or of a shape that broadcasts to that of ``x``.
        upper: the same.
    """
    if torch.compiler.is_compiling() and is_transformed():
        return _traced_clip_at(x, lower, upper)
    return _ClipAt.apply(x, lower, upper, _follows_a_layer(x))


def clip_size(x: Tensor, bound: Tensor) -> Tensor:
    """Give ``clip_at(x, -bound, bound)`` for ``bound >= 0``, with fewer passes over memory."""
    if torch.compiler.is_compiling() and is_transformed():
        return _traced_clip_at(x, -bound, bound)
    return _ClipSize.apply(x, bound, _follows_a_layer(x))


def keep_positive(values: Tensor, margin: Tensor) -> Tensor:
    """Give ``values`` where ``margin > 0``, and exact zeros elsewhere.

    The kernel of ReLU's backward pass: boolean masks take five times as long on a CPU.
    """
    return torch.ops.aten.threshold_backward(values, margin, 0)


class _ClipAt(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, lower: Tensor, upper: Tensor, by_channel: bool) -> Tensor:
        if are_numbers(lower, upper, beside=x):
            return torch.clamp(x, lower.item(), upper.item())
        return torch.clamp(x, lower, upper)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ANN401
        x, lower, upper, ctx.by_channel = inputs
        # Between bounds that are apart the output tells as much, and the input may be freed.
        apart = are_numbers(lower, upper, beside=x) and lower.item() < upper.item()
        ctx.save_for_backward(output if apart else x, lower, upper)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        (grad,) = grads
        x, lower, upper = ctx.saved_tensors
        wanted = ctx.needs_input_grad[1:3]
        plain = are_numbers(lower, upper, beside=x) and not torch.is_grad_enabled()
        if plain and lower.item() < upper.item():
            return *_gradients_by_numbers(grad, x, lower, upper, wanted), None
        to_x = keep_positive(keep_positive(grad, x - lower), upper - x)
        beyond, sum_to = grad - to_x, partial(_sum_to, by_channel=ctx.by_channel)
        to_lower = sum_to(beyond * _reached(lower - x), like=lower) if wanted[0] else None
        to_upper = sum_to(beyond * _reached(x - upper), like=upper) if wanted[1] else None
        return to_x, to_lower, to_upper, None


class _ClipSize(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, bound: Tensor, by_channel: bool) -> Tensor:
        if are_numbers(bound, beside=x):
            return torch.clamp(x, -bound.item(), bound.item())
        return torch.clamp(x, -bound, bound)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ANN401
        x, bound, ctx.by_channel = inputs
        apart = are_numbers(bound, beside=x) and bound.item() >= _LEAST
        ctx.save_for_backward(output if apart else x, bound)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        (grad,) = grads
        x, bound = ctx.saved_tensors
        plain = are_numbers(bound, beside=x) and not torch.is_grad_enabled()
        if plain and bound.item() >= _LEAST:
            return *_size_gradients_by_number(grad, x, bound), None
        to_x = keep_positive(grad, bound - x.abs())
        tails = (grad - to_x) * x.sign()
        return to_x, _sum_to(tails, like=bound, by_channel=ctx.by_channel), None


def _traced_clip_at(x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Give the same in plain operations: Dynamo puts no autograd.Function under ``vmap``."""
    value = torch.clamp(x, lower, upper)
    inside = torch.where((lower < x) & (x < upper), x, 0)
    at_bounds = torch.where(x <= lower, lower, 0) + torch.where(x >= upper, upper, 0)
    return with_gradient_of(value, inside + at_bounds)


def _gradients_by_numbers(
    grad: Tensor, y: Tensor, lower: Tensor, upper: Tensor, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, ...]:
    """Give the gradients of ``clip_at`` from its output, for ``lower < upper``.

    One buffer for all: a fresh one costs more in page faults than the arithmetic.
    """

    def between(low: float, high: float) -> Tensor:
        return torch.ops.aten.hardtanh_backward.grad_input(grad, y, low, high, grad_input=buffer)

    buffer = torch.empty_like(y)
    to_lower = between(-math.inf, _next(lower, math.inf)).sum() if wanted[0] else None
    to_upper = between(_next(upper, -math.inf), math.inf).sum() if wanted[1] else None
    return between(lower.item(), upper.item()), to_lower, to_upper


def _size_gradients_by_number(grad: Tensor, y: Tensor, bound: Tensor) -> tuple[Tensor, Tensor]:
    """Give the gradients of ``clip_size`` from its output, which beyond the bound is its sign."""
    tails = torch.ops.aten.hardshrink_backward.grad_input(
        grad, y, _next(bound, 0.0), grad_input=torch.empty_like(y)
    )
    to_bound = dot(tails, y) / bound
    return torch.sub(grad, tails, out=tails), to_bound


def _next(bound: Tensor, towards: float) -> float:
    return torch.nextafter(bound, bound.new_tensor(towards)).item()


def _reached(over: Tensor) -> Tensor:
    """Give 1 where ``over >= 0`` and 0 elsewhere.

    No comparison: a compiler would keep its mask for the backward pass, which takes ten times as
    long to store on a CPU as what it is made from.
    """
    return (over.sign() + 1).clamp(max=1)


def _follows_a_layer(x: Tensor) -> bool:
    """Say whether a compiler can join sums by channel to those of the norm before the clip.

    The input of the whole compiled function follows nothing: there a sum over memory as it lies
    joins the pass that writes the gradient.
    """
    return torch.compiler.is_compiling() and not x.is_leaf


def _sum_to(terms: Tensor, *, like: Tensor, by_channel: bool) -> Tensor:
    """Sum over the dimensions along which ``like`` was broadcast, if asked for by channel first."""
    wide = torch.promote_types(terms.dtype, torch.float32)
    if by_channel and like.dim() == 0:
        terms = terms.sum(dim=[d for d in range(terms.dim()) if d != 1], dtype=wide)
    extra = terms.dim() - like.dim()
    dims = [d for d in range(terms.dim()) if d < extra or like.shape[d - extra] == 1]
    total = terms.sum(dim=dims, dtype=wide) if dims else terms
    return total.reshape(like.shape).to(like.dtype)
