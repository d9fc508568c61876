"""Made-up thresholds in made-up runs, where a real run would be slow or could not be steered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from clipbench.audit.movement import Course
from clipbench.audit.trajectory import Sample, Spread, Trajectory
from clipbench.clips.base import Clip
from clipbench.clips.threshold import Threshold


class Bend(Clip):
    """A clip of a user's own: a plain parameter as its slope."""

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.slope = nn.Parameter(slope)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.slope.to(x.dtype)

    def thresholds(self) -> dict[str, Tensor]:
        return {"slope": self.slope}


class OneSite(nn.Module):
    """A model of one site, called fc, and a weight."""

    def __init__(self, clip: nn.Module) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.fc.clip = clip


def spread(value: float | tuple[float, float, float]) -> Spread:
    return Spread(*value) if isinstance(value, tuple) else Spread(value, value, value)


def course(
    values: Sequence[Any],
    *,
    gradients: Sequence[float | None] | None = None,
    window: float | None = None,
    rate: float = 0.1,
    steps: int = 10,
    group: dict[str, Any] | None = None,
    threshold: Threshold | None = None,
    wants_decay: bool = False,
) -> Course:
    """Make the course of a threshold: where it started, then a sample every ``steps`` steps.

    Without ``gradients`` each is one; a group that is not given is plain descent without decay.
    """
    start, *after = [spread(value) for value in values]
    slopes = [1.0] * len(after) if gradients is None else gradients
    samples = [
        Sample(steps * (place + 1), rate, value, None if slope is None else spread(slope))
        for place, (value, slope) in enumerate(zip(after, slopes, strict=True))
    ]
    owner = threshold or Threshold(start.mean, per="layer", num_features=None, positivity="free")
    return Course(
        subject="fc/upper",
        trajectory=Trajectory(start, samples, window),
        parameter=owner.raw,
        group={"lr": rate, "weight_decay": 0.0} if group is None else group,
        threshold=owner,
        wants_decay=wants_decay,
    )
