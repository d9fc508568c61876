"""The states of many seeds as one: stacked tensors, of which the seeds' own become views.

So each seed stays what it is when it trains alone: probes, evaluation, telemetry and checkpoints
see an ordinary model and an ordinary optimizer, whose numbers an update of the stack changes under
them. Nothing is copied to and fro.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from clipbench.training.state import TrainState

ELEMENTWISE = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
"""The optimizers that treat each number by itself, so that a stack of seeds is a seed to each."""


class StackedState:
    """What the seeds of a stack share with it.

    Attributes:
        parameters: By name, ``(k, ...)``, leaves that collect gradients.
        buffers: By name, ``(k, ...)``.
        optimizer: Of the stacked parameters.
        grad_clip_state: What the gradient clip remembers for each seed, ``(k, ...)``.
        correct: Images of this epoch that each seed answered right, ``(k,)``.

    Args:
        states: At least one; all have done the same steps.
    """

    def __init__(self, states: Sequence[TrainState]) -> None:
        self._states = list(states)
        first, models = states[0], [state.model for state in states]
        self.parameters = {
            name: nn.Parameter(stacked, requires_grad=own.requires_grad)
            for (name, stacked), own in zip(
                _shared([dict(model.named_parameters()) for model in models]).items(),
                first.model.parameters(),
                strict=True,
            )
        }
        self.buffers = _shared([dict(model.named_buffers()) for model in models])
        self.optimizer = _stacked_optimizer(states, self.parameters)
        self.grad_clip_state = {
            name: torch.stack([state.grad_clip_state[name] for state in states])
            for name in first.grad_clip_state
        }
        self.correct = torch.stack([state.correct for state in states])
        for place, state in enumerate(states):
            state.correct = self.correct[place]
            state.grad_clip_state = {
                name: value[place] for name, value in self.grad_clip_state.items()
            }
        self.share_optimizer()

    def share_optimizer(self) -> None:
        """Let each seed's optimizer see what that of the stack remembers."""
        for own, stacked in self._paired():
            for place, (optimizer, parameter) in enumerate(own):
                optimizer.state[parameter] = {
                    key: value if key == "step" or value is None else value[place]
                    for key, value in self.optimizer.state[stacked].items()
                }

    def remember(self, grad_clip_state: Mapping[str, Tensor]) -> None:
        """Take what the gradient clip remembers from now on."""
        for name, value in self.grad_clip_state.items():
            value.copy_(grad_clip_state[name])

    def show_gradients(self, names: Iterable[str]) -> None:
        """Let each seed's model see the gradients of some of its parameters."""
        for name in names:
            gradient = self.parameters[name].grad
            for place, state in enumerate(self._states):
                parameter = state.model.get_parameter(name)
                parameter.grad = None if gradient is None else gradient[place]

    def _paired(self) -> Iterable[tuple[list[tuple[Optimizer, Tensor]], Tensor]]:
        """Pair the parameters of each seed's optimizer with the one of the stack."""
        optimizers = [state.optimizer for state in self._states]
        for number, group in enumerate(self.optimizer.param_groups):
            for position, stacked in enumerate(group["params"]):
                if stacked in self.optimizer.state:
                    own = [
                        (optimizer, optimizer.param_groups[number]["params"][position])
                        for optimizer in optimizers
                    ]
                    yield own, stacked


def _shared(tensors: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Stack tensors by name, and make each a view of its stack."""
    stacks = {}
    with torch.no_grad():
        for name in tensors[0]:
            stack = torch.stack([named[name] for named in tensors])
            for named, view in zip(tensors, stack, strict=True):
                named[name].data = view
            stacks[name] = stack
    return stacks


def _stacked_optimizer(
    states: Sequence[TrainState], parameters: Mapping[str, nn.Parameter]
) -> Optimizer:
    """Make the optimizer of the first seed one of the stacked parameters, with what all remember.

    Raises:
        TypeError: The optimizer may look at more than one number at a time.
    """
    first = states[0].optimizer
    if type(first) not in ELEMENTWISE:
        raise TypeError(f"{type(first).__name__} may mix the seeds of a stack.")
    names = {id(parameter): name for name, parameter in states[0].model.named_parameters()}
    together = copy.copy(first)
    together.param_groups = [
        {**group, "params": [parameters[names[id(one)]] for one in group["params"]]}
        for group in first.param_groups
    ]
    together.state = defaultdict(dict)
    for number, group in enumerate(together.param_groups):
        for position, stacked in enumerate(group["params"]):
            held = [_state_of(state.optimizer, number, position) for state in states]
            if held[0]:
                together.state[stacked] = {key: _together(key, held) for key in held[0]}
    return together


def _state_of(optimizer: Optimizer, number: int, position: int) -> dict[str, Any]:
    return optimizer.state.get(optimizer.param_groups[number]["params"][position], {})


def _together(key: str, held: Sequence[Mapping[str, Any]]) -> Tensor | None:
    values = [one[key] for one in held]
    if values[0] is None:
        return None
    # All seeds have done the same steps, and a fused optimizer wants one number.
    return values[0].clone() if key == "step" else torch.stack(values)
