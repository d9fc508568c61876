"""All that changes while a run trains, in one place, so that a checkpoint can hold all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from clipbench.grad_clips.base import State
from clipbench.optim.schedules import Schedule
from clipbench.records.json_text import spell, unspell

_LONGEST = 200


_KINDS: dict[str, Any] = {
    "model": dict,
    "optimizer": dict,
    "seed": int,
    "epoch": int,
    "step": int,
    "grad_clip_state": dict,
    "correct": int,
    "unreported": dict,
    "last": dict,
    "best": float | None,
    "seconds": float,
    "journal": int,
}
"""What a saved state holds; ``journal`` is the size that the journal had then."""


def refuse_foreign(saved: Mapping[str, Any], *, seed: int) -> None:
    """Make sure that a saved state has all its parts and is one of a seed.

    Raises:
        ValueError: It is not; the part is named.
    """
    for key, kind in _KINDS.items():
        if key not in saved:
            raise ValueError(f"{key} is missing")
        value = saved[key]
        negative = kind is int and isinstance(value, int) and value < 0
        if not isinstance(value, kind) or isinstance(value, bool) or negative:
            raise ValueError(f"{key} cannot be {value!r}"[:_LONGEST])
    if saved["seed"] != seed:
        raise ValueError(f"seed is {saved['seed']}, not {seed}")
    _refuse_entries(saved)


def _refuse_entries(saved: Mapping[str, Any]) -> None:
    for tag, losses in saved["unreported"].items():
        if not isinstance(losses, Tensor) or losses.dim() != 1:
            raise ValueError(f"unreported.{tag} holds no losses")
    for tag, value in cast(dict[str, object], unspell(saved["last"])).items():
        if not isinstance(value, float):
            raise ValueError(f"last.{tag} is no number")


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
            RuntimeError: The state is that of another model, optimizer or gradient clip.
        """
        grad_clip_state = self._placed(state["grad_clip_state"])
        self.model.load_state_dict(state["model"], strict=True)
        self.optimizer.load_state_dict(state["optimizer"])
        self._refuse_other_shapes()
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

    def _refuse_other_shapes(self) -> None:
        """Refuse what an optimizer takes without a look: memories of other shapes than ours."""
        for parameter, memories in self.optimizer.state.items():
            for name, value in memories.items():
                if isinstance(value, Tensor) and value.dim() and value.shape != parameter.shape:
                    raise RuntimeError(
                        f"The optimizer's {name} needs shape {tuple(parameter.shape)}, "
                        f"got {tuple(value.shape)}."
                    )

    def _placed(self, grad_clip_state: State) -> State:
        """Return a gradient clip's state on the device of ours; refuse another clip's."""
        ours = self.grad_clip_state
        if set(grad_clip_state) != set(ours):
            raise RuntimeError(
                f"The gradient clip's state needs the keys {sorted(ours)}, "
                f"got {sorted(grad_clip_state)}."
            )
        return {name: value.to(ours[name].device) for name, value in grad_clip_state.items()}
