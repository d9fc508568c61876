"""Pairs of an arm with a reference on shared seeds: same weights, same data order, other choice."""

from __future__ import annotations

from dataclasses import dataclass

from clipbench.analysis.arms import NO_RUN, Arm


@dataclass(frozen=True)
class Pairs:
    """What an arm and its reference have in common.

    Attributes:
        differences: Seed -> arm minus reference, of the seeds that both have.
        missing: Seed -> which side gave no number and why, of all other seeds of either. They lower
            n; none is dropped unsaid.
    """

    differences: dict[int, float]
    missing: dict[int, str]

    @property
    def n(self) -> int:
        """Number of pairs."""
        return len(self.differences)


def pair(arm: Arm, reference: Arm) -> Pairs:
    """Pair an arm with its reference, seed by seed, in the order of the seeds."""
    differences: dict[int, float] = {}
    missing: dict[int, str] = {}
    for seed in sorted(arm.runs.keys() | reference.runs.keys()):
        if seed in arm.values and seed in reference.values:
            differences[seed] = arm.values[seed] - reference.values[seed]
        else:
            sides = [side for side in (arm, reference) if seed not in side.values]
            missing[seed] = ", ".join(
                f"{side.label}: {side.lost.get(seed, NO_RUN)}" for side in sides
            )
    return Pairs(differences, missing)
