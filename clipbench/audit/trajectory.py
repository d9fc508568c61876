"""What the journal of a run holds of one threshold: its values, its gradients, the rates it had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from clipbench.records.journal import Record


class Spread(NamedTuple):
    """Mean, least and greatest over the channels; for one number a layer, that number thrice."""

    mean: float
    least: float
    greatest: float

    def largest(self) -> float:
        """Give the largest absolute value."""
        return max(abs(self.least), abs(self.greatest))


@dataclass(frozen=True)
class Sample:
    """One sample of the training loop, after an update.

    Attributes:
        step: updates done, this one included.
        rate: learning rate of the threshold's own group.
        value: effective threshold.
        gradient: of the parameter behind it, before any clipping; None where it has none.
    """

    step: int
    rate: float
    value: Spread
    gradient: Spread | None


@dataclass(frozen=True)
class Trajectory:
    """The way of one threshold through a run.

    Attributes:
        start: effective value before the first update.
        samples: at least one, in the order of the journal.
        window: share of elements that gave a gradient at the last validation; None if unknown.
    """

    start: Spread
    samples: Sequence[Sample]
    window: float | None

    @property
    def end(self) -> Spread:
        """The last value sampled."""
        return self.samples[-1].value

    def gradients(self) -> list[float]:
        """Give the largest absolute gradient of each sample that has one."""
        return [sample.gradient.largest() for sample in self.samples if sample.gradient is not None]

    def budget(self) -> float:
        """Give the sum of the rate over all steps; a sample stands for the steps before it."""
        return sum(rate * steps for rate, steps in self.stretches())

    def stretches(self) -> list[tuple[float, int]]:
        """Give the rate and the number of steps up to each sample."""
        steps = [0, *(sample.step for sample in self.samples)]
        taken = (after - before for before, after in zip(steps, steps[1:], strict=False))
        return [(sample.rate, count) for sample, count in zip(self.samples, taken, strict=True)]


def trajectory_of(
    records: Sequence[Record], *, subject: str, rate_scale: float
) -> Trajectory | None:
    """Read the trajectory of a threshold; None if no training step recorded it.

    Args:
        records: the journal.
        subject: ``site/name``.
        rate_scale: rate of the threshold's group as a multiple of that of the optimizer's first,
            which is the one recorded.
    """
    samples = []
    for record in records:
        scalars = record["scalars"]
        value = _spread(scalars, f"threshold/{subject}")
        if value is not None and "learning_rate" in scalars:
            gradient = _spread(scalars, f"threshold_grad/{subject}")
            rate = scalars["learning_rate"] * rate_scale
            samples.append(Sample(record["step"], rate, value, gradient))
    if len(samples) == 0:
        return None
    values = (_spread(record["scalars"], f"threshold/{subject}") for record in records)
    start = next(value for value in values if value is not None)
    windows = [
        record["scalars"][f"gradient_window/{subject}"]
        for record in records
        if f"gradient_window/{subject}" in record["scalars"]
    ]
    return Trajectory(start, samples, windows[-1] if windows else None)


def _spread(scalars: Mapping[str, float], tag: str) -> Spread | None:
    if tag in scalars:
        return Spread(*[scalars[tag]] * 3)
    parts = [f"{tag}/{part}" for part in ("mean", "min", "max")]
    if not all(part in scalars for part in parts):
        return None
    return Spread(*(scalars[part] for part in parts))
