"""All that changes while a run trains, in one place, so that a checkpoint can hold all of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from clipbench.grad_clips.base import State
from clipbench.optim.schedules import Schedule
from clipbench.records.json_text import spell, unspell


@dataclass
class TrainState:
    """A model in training.

    Order, augmentation and dropout are functions of seed, epoch and step, and the schedule is a
    function of the step, so the two counters stand for all of them.

    Attributes:
        epoch: Epochs finished.
        step: Optimizer updates done since the beginning of the run.
        grad_clip_state: What the gradient clip remembers, on the device of the model.
        correct: Images of this epoch answered right so far, 0-d, on the device of the model.
        unreported: The losses by tag, 0-d each, of the steps since the last sample.
        last: The scalars of the last epoch finished.
        best: The highest accuracy on the validation part at the end of an epoch so far.
        seconds: What the run took before it was taken up again.
    """

    model: nn.Module
    optimizer: Optimizer
    schedule: Schedule
    seed: int
    epoch: int = 0
    step: int = 0
    grad_clip_state: State = field(default_factory=dict)
    correct: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.int64))
    unreported: dict[str, list[Tensor]] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    best: float | None = None
    seconds: float = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain numbers only, as ``torch.load(weights_only=True)`` wants."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "seed": self.seed,
            "epoch": self.epoch,
            "step": self.step,
            "grad_clip_state": dict(self.grad_clip_state),
            "correct": int(self.correct),
            "unreported": {tag: torch.stack(parts) for tag, parts in self.unreported.items()},
            "last": spell(self.last),
            "best": self.best,
            "seconds": self.seconds,
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
        self.correct.fill_(state["correct"])
        device = self.correct.device
        self.unreported = {
            tag: list(parts.to(device).unbind()) for tag, parts in state["unreported"].items()
        }
        self.last = cast(dict[str, float], unspell(state["last"]))
        self.best = state["best"]
        self.seconds = state["seconds"]

    def _placed(self, grad_clip_state: State) -> State:
        """Return a gradient clip's state on the device of ours; refuse another clip's."""
        ours = self.grad_clip_state
        if set(grad_clip_state) != set(ours):
            raise RuntimeError(
                f"The gradient clip's state needs the keys {sorted(ours)}, "
                f"got {sorted(grad_clip_state)}."
            )
        return {name: value.to(ours[name].device) for name, value in grad_clip_state.items()}
