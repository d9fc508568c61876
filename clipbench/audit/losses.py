"""The losses of a module as functions of one of its parameters: values and two kinds of slope.

The parameter moves along one direction, in which every element goes a different way, so that a
gradient given to the wrong channel is seen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipbench.audit.inputs import loss_weights, output_of

# Far below the distance between inputs, far above the rounding of a mean of order one.
SMALL = 1e-7


class Losses:
    """Several losses of ``module`` at ``x``, as functions of the parameter ``name``.

    Attributes:
        weights: of the outputs in each loss, ``(K, *x.shape)``.
        direction: of the shape of the parameter, between 0.5 and 1.
    """

    def __init__(self, module: nn.Module, name: str, x: Tensor) -> None:
        self._module, self._name, self._x = module, name, x
        self.weights = loss_weights(x)
        parameter = module.get_parameter(name).detach()
        places = torch.arange(parameter.numel(), dtype=parameter.dtype)
        self.direction = (0.75 + 0.25 * torch.cos(2.4 * places)).view(parameter.shape)

    def values(self, at: Tensor) -> Tensor:
        """Give each loss where the parameter is ``at``: ``(K,)``."""
        with torch.no_grad():
            return (self.weights * self._output(at)).flatten(1).sum(1)

    def slopes(self, at: Tensor) -> Tensor | None:
        """Give autograd's slope of each loss along the direction; None where there is none."""
        leaf = at.clone().requires_grad_()
        output = self._output(leaf)
        if not output.requires_grad:
            return None
        gradients = [
            torch.autograd.grad(output, leaf, weight, retain_graph=True, allow_unused=True)[0]
            for weight in self.weights
        ]
        found = [(each * self.direction).sum() for each in gradients if each is not None]
        return torch.stack(found) if found else None

    def differences(self, at: Tensor) -> Tensor:
        """Give the slope of each loss along the direction by central differences."""
        step = SMALL * max(1.0, at.abs().amax().item())
        above, below = at + step * self.direction, at - step * self.direction
        return (self.values(above) - self.values(below)) / (2 * step)

    def _output(self, value: Tensor) -> Tensor:
        return output_of(self._module, self._x, {self._name: value})
