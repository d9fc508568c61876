"""All that changes while a run trains, in one place, so that a checkpoint can hold all of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.optim import Optimizer

from clipbench.grad_clips.base import State
from clipbench.optim.schedules import Schedule


@dataclass
class TrainState:
    """A model in training.

    Order, augmentation and dropout are functions of seed, epoch and step, and the schedule is a
    function of the step, so the two counters stand for all of them.

    Attributes:
        epoch: Epochs finished.
        step: Optimizer updates done since the beginning of the run.
        grad_clip_state: What the gradient clip remembers, on the device of the model.
    """

    model: nn.Module
    optimizer: Optimizer
    schedule: Schedule
    seed: int
    epoch: int = 0
    step: int = 0
    grad_clip_state: State = field(default_factory=dict)

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain numbers only, as ``torch.load(weights_only=True)`` wants."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "seed": self.seed,
            "epoch": self.epoch,
            "step": self.step,
            "grad_clip_state": dict(self.grad_clip_state),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what ``state_dict`` gave; keys and shapes must match exactly.

        Only the history of a gradient clip may have another length than here: it keeps its own.

        Raises:
            KeyError: A part is missing.
            RuntimeError: The state is that of another model or another gradient clip.
        """
        grad_clip_state = self._placed(state["grad_clip_state"])
        self.model.load_state_dict(state["model"], strict=True)
        self.optimizer.load_state_dict(state["optimizer"])
        self.seed, self.epoch, self.step = state["seed"], state["epoch"], state["step"]
        self.grad_clip_state = grad_clip_state

    def _placed(self, grad_clip_state: State) -> State:
        """Return a gradient clip's state on the device of ours; refuse another clip's."""
        ours = self.grad_clip_state
        if set(grad_clip_state) != set(ours):
            raise RuntimeError(
                f"The gradient clip's state needs the keys {sorted(ours)}, "
                f"got {sorted(grad_clip_state)}."
            )
        return {name: value.to(ours[name].device) for name, value in grad_clip_state.items()}
