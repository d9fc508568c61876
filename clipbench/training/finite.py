"""The finite check that guards every update, and the search for the layer at fault.

On a CPU the check costs one pass over weights and gradients and stops before the update. On a GPU
reading a number would stall the device, so a flag there turns the update, and every one after it,
into a no-op (fused optimizers honour ``found_inf``) and keeps the step; the loop reads it now and
then. Either way no update is ever made from a loss, a gradient or a weight that is not finite.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from clipbench.clips.flat import flat
from clipbench.training.gradients import global_norm, gradients_of
from clipbench.training.loss import Loss


class NonFiniteStep(Exception):
    """A step's loss, or a norm of its gradients or weights, was not finite; it was not made."""

    def __init__(self, step: int) -> None:
        super().__init__(f"loss or gradient not finite at step {step}")
        self.step = step


class Diverged(Exception):
    """Training diverged: at which step, and which layer was the first to be non-finite."""

    def __init__(self, step: int, where: str) -> None:
        super().__init__(f"diverged at step {step}: {where} is not finite")
        self.step = step
        self.where = where


class StopAtOnce:
    """Reads all numbers before each update: for devices where that is free.

    Args:
        weights: The parameters that are trained, which stay where they are in memory.
    """

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self._weights = weights
        views = self._flat_values()
        pairs = zip(weights, views, strict=True)
        in_place = all(weight.data_ptr() == view.data_ptr() for weight, view in pairs)
        self._views = views if in_place else None

    def guard(self, optimizer: Optimizer, *, number: Tensor, step: int) -> None:
        """Raise ``NonFiniteStep`` unless weights, gradients and a number, the loss, are finite."""
        values = self._flat_values() if self._views is None else self._views
        # Behind a clip an infinite weight can leave the loss and every gradient finite.
        total = number.item() + sum(map(_product, values, self._weights))
        # The products of finite numbers can be too large.
        if not math.isfinite(total) and not self._are_finite(number):
            raise NonFiniteStep(step)

    def poll(self) -> None:
        """Do nothing: every step has been read already."""

    def _are_finite(self, number: Tensor) -> bool:
        numbers = (number, *self._weights, *gradients_of(self._weights))
        return all(bool(one.isfinite().all()) for one in numbers)

    def _flat_values(self) -> list[Tensor]:
        return [flat(weight.detach()) for weight in self._weights]


class StopWhenRead:
    """Keeps a flag on the device that turns updates into no-ops; ``poll`` reads it.

    Args:
        weights: The parameters that are trained, on the device; at least one.
    """

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self._weights = weights
        device = weights[0].device
        self._stopped = torch.zeros((), device=device)
        self._step = torch.full((), -1, dtype=torch.int64, device=device)

    @torch.no_grad()
    def guard(self, optimizer: Optimizer, *, number: Tensor, step: int) -> None:
        """Let the fused optimizer skip this update if it, or one before it, is not finite."""
        bad = ~torch.isfinite(number + self._largest())
        self._step = torch.where((self._stopped == 0) & bad, step, self._step)
        self._stopped = torch.maximum(self._stopped, bad.to(self._stopped.dtype))
        optimizer.grad_scale = None  # type: ignore[attr-defined]
        optimizer.found_inf = self._stopped  # type: ignore[attr-defined]

    def poll(self) -> None:
        """Raise ``NonFiniteStep`` if a step has been skipped; the one host read of the guard."""
        step = int(self._step.item())
        if step >= 0:
            raise NonFiniteStep(step)

    def _largest(self) -> Tensor:
        """Return the largest size of a gradient or weight, 0-d, in one kernel for all tensors."""
        numbers = [*self._weights, *gradients_of(self._weights)]
        return torch.stack(torch._foreach_norm(numbers, math.inf)).amax()


Guard = StopAtOnce | StopWhenRead


def guard_for(weights: Sequence[Tensor]) -> Guard:
    """Return the guard that costs least on the device of some parameters."""
    return StopAtOnce(weights) if weights[0].device.type == "cpu" else StopWhenRead(weights)


def _product(value: Tensor, weight: Tensor) -> float:
    """Return the scalar product of a weight's numbers ``(n,)`` and its gradient: one pass for both.

    A number that is not finite makes a product that is not, whatever it meets, zero included; so
    the two may be in any order, such as the one in which they lie in memory.
    """
    gradient = weight.grad
    product = value.sum() if gradient is None else torch.dot(value, flat(gradient))
    return product.item()


def first_fault(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    losses: Loss,
    share: float,
) -> str:
    """Repeat a step's forward and backward pass and name what first is not finite.

    Looks, in this order, at the images, the parameters, each module's output in forward order, the
    loss, the penalty, and the gradients from the last layer back.
    """
    if not images.isfinite().all():
        return "the batch of images"
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            return f"parameter {name}"
    with _outputs_in_order(model) as outputs:
        loss = losses(model, images, labels=labels, share=share)
    for name, finite in outputs:
        if not finite:
            return f"the output of {name}"
    for tag, part in loss.parts.items():
        if not part.isfinite():
            return f"the {tag.removeprefix('train/')}"
    return _gradient_fault(model, loss.total)


def _gradient_fault(model: nn.Module, loss: Tensor) -> str:
    """Name the gradient, from the last layer back, that is not finite."""
    parameters = dict(model.named_parameters())
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    for name, gradient in reversed(list(zip(parameters, gradients, strict=True))):
        if gradient is not None and not gradient.isfinite().all():
            return f"the gradient of {name}"
    norm = global_norm([gradient for gradient in gradients if gradient is not None])
    return f"the gradient norm ({norm.item():g})"


@contextmanager
def _outputs_in_order(model: nn.Module) -> Iterator[list[tuple[str, bool]]]:
    """Note, for each innermost module in the order of the pass, whether its output is finite."""
    seen: list[tuple[str, bool]] = []
    handles = []
    for name, module in model.named_modules():
        if next(module.children(), None) is not None and not _is_clip(name):
            continue

        def note(_: nn.Module, __: object, output: Tensor, name: str = name) -> None:
            seen.append((name, bool(output.isfinite().all())))

        handles.append(module.register_forward_hook(note))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _is_clip(name: str) -> bool:
    return name.rpartition(".")[2] == "clip"
