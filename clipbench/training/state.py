"""All that changes while a run trains, in one place, so that a checkpoint can hold all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer

from clipbench.optim.schedules import Schedule


@dataclass
class TrainState:
    """A model in training.

    Order, augmentation and dropout are functions of seed, epoch and step, and the schedule is a
    function of the step, so the two counters stand for all of them.

    Attributes:
        epoch: Epochs finished.
        step: Optimizer updates done since the beginning of the run.
    """

    model: nn.Module
    optimizer: Optimizer
    schedule: Schedule
    seed: int
    epoch: int = 0
    step: int = 0

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain numbers only, as ``torch.load(weights_only=True)`` wants."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "seed": self.seed,
            "epoch": self.epoch,
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put back what ``state_dict`` gave; keys and shapes must match exactly."""
        self.model.load_state_dict(state["model"], strict=True)
        self.optimizer.load_state_dict(state["optimizer"])
        self.seed, self.epoch, self.step = state["seed"], state["epoch"], state["step"]
