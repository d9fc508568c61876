"""The passes of a stack, forward and backward, as one list of batched operations.

Under ``vmap`` each small operation of each step goes through Python, through the layers of ``vmap``
and through autograd. They are the same operations every time, so that they can be traced once and
then called one after the other, to the same bits.

A trace keeps the numbers of Python that it meets. So all that changes from step to step must be a
tensor that it is given: parameters, buffers (among them dropout keys, widths and the statistics of
batch norm), images and labels. The weight of a regularizer is a number of Python.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

from clipbench.regularizers.base import Regularizer
from clipbench.training.loss import StepLoss

Tensors = dict[str, Tensor]
Losses = Callable[[Tensors, Tensors, Tensor, Tensor], StepLoss]

WORTH_A_TRACE = 200
"""Updates that save as much time as a trace takes, where there is least to save."""

OWN = ("clipbench.", "torch.nn.")


def traceable(model: nn.Module, regularizer: Regularizer | None, *, steps: int) -> bool:
    """Tell whether a stack of such models is traced: by what it is made of, never by a trial.

    On a CPU alone: no GPU has been tried.

    Args:
        model: One of the stack; modules that are neither torch's nor ours may keep what they like
            in numbers of Python, and of a convolution the trace is another kernel, which rounds in
            another way.
        regularizer: What is added to the loss.
        steps: Updates of the whole run.
    """
    if regularizer is not None or steps < WORTH_A_TRACE:
        return False
    if any(parameter.device.type != "cpu" for parameter in model.parameters()):
        return False
    return all(
        type(module).__module__.startswith(OWN) and not isinstance(module, nn.Conv2d)
        for module in model.modules()
    )


class TracedPasses:
    """Losses and gradients of a stack, traced at the first call for the shapes of that call.

    Args:
        losses: Gives the losses ``(k,)`` from parameters, buffers, images and labels of all seeds.
    """

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._tags: list[str] = []
        self._traced: Callable[..., tuple[Tensor, ...]] | None = None

    def __call__(
        self, parameters: Tensors, buffers: Tensors, images: Tensor, labels: Tensor
    ) -> StepLoss:
        """Give the losses of a step, and leave the gradients with the parameters."""
        held = [*parameters.values(), *buffers.values(), images, labels]
        if self._traced is None:
            self._traced = self._trace(parameters, buffers, images, labels)
        with torch.no_grad():
            total, logits, *rest = self._traced(*held)
        parts = dict(zip(self._tags, rest, strict=False))
        for parameter, gradient in zip(_learned(parameters), rest[len(parts) :], strict=True):
            # In the order of the parameter, as autograd itself leaves it, for the fused optimizer.
            parameter.grad = None if gradient is None else gradient.contiguous()
        return StepLoss(total, parts, logits)

    def _trace(
        self, parameters: Tensors, buffers: Tensors, images: Tensor, labels: Tensor
    ) -> Callable[..., tuple[Tensor, ...]]:
        first, names = len(parameters), [*parameters, *buffers]

        def passes(*held: Tensor) -> tuple[Tensor | None, ...]:
            named = list(zip(names, held, strict=False))
            ours, others = dict(named[:first]), dict(named[first:])
            total, parts, logits = self._losses(ours, others, *held[-2:])
            self._tags = list(parts)
            # A seed's gradient is that of its own summand.
            gradients = torch.autograd.grad(total.sum(), _learned(ours), allow_unused=True)
            return (total, logits, *parts.values(), *gradients)

        # The trace is a step like any other, which must not count in the statistics.
        copies = [buffer.clone() for buffer in buffers.values()]
        graph = make_fx(passes)(*parameters.values(), *copies, images, labels)
        forward: Callable[..., tuple[Tensor, ...]] = graph.forward
        return forward


def _learned(parameters: Tensors) -> list[Tensor]:
    return [parameter for parameter in parameters.values() if parameter.requires_grad]
