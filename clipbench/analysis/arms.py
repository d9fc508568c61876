"""An arm: one configuration with a number a seed, and every seed that gave none, with its reason.

Only a finished run gives a number, and only a finite one counts. Where several runs have the same
configuration and seed, the last finished one in the order of the paths counts, never the best; that
there were several is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from clipbench.analysis.labels import by_group, option_of
from clipbench.analysis.load import Run
from clipbench.analysis.statistics import Estimate, estimate

NO_RUN = "no run"


@dataclass(frozen=True)
class Arm:
    """The runs of one configuration, seen through one metric.

    Attributes:
        label: What distinguishes it.
        clip: Its choice of clip.
        runs: Seed -> the run that counts, or the last one that was lost.
        values: Seed -> the number of its finished run.
        lost: Seed -> why there is no number.
        repeated: Seed -> how many runs there are, where more than one.
    """

    label: str
    clip: str = ""
    runs: dict[int, Run] = field(default_factory=dict)
    values: dict[int, float] = field(default_factory=dict)
    lost: dict[int, str] = field(default_factory=dict)
    repeated: dict[int, int] = field(default_factory=dict)

    @property
    def estimate(self) -> Estimate:
        """Mean and noise over the seeds that gave a number."""
        return estimate(list(self.values.values()))


def gather(runs: Iterable[Run], *, metric: str, labels: Mapping[str, str]) -> list[Arm]:
    """Gather runs into arms, in the order of the runs; unreadable ones belong to none.

    Args:
        runs: Any runs.
        metric: A tag of the results.
        labels: Group hash -> label, of every group among the runs.
    """
    return [_arm(labels[group], members, metric) for group, members in by_group(runs).items()]


def _arm(label: str, members: Sequence[Run], metric: str) -> Arm:
    seeds: dict[int, list[Run]] = {}
    for run in members:
        assert run.seed is not None
        seeds.setdefault(run.seed, []).append(run)
    runs = {seed: _counting(seeds[seed]) for seed in sorted(seeds)}
    lost = {seed: _why_lost(run, metric) for seed, run in runs.items()}
    return Arm(
        label,
        option_of(members, "clip"),
        runs=runs,
        values={seed: run.results[metric] for seed, run in runs.items() if lost[seed] is None},
        lost={seed: reason for seed, reason in lost.items() if reason is not None},
        repeated={seed: len(same) for seed, same in seeds.items() if len(same) > 1},
    )


def _counting(same: Sequence[Run]) -> Run:
    finished = [run for run in same if run.status == "finished"]
    return (finished or same)[-1]


def _why_lost(run: Run, metric: str) -> str | None:
    if run.status != "finished":
        cause = (run.cause or "").partition("\n")[0]
        if cause.startswith(run.status):
            return cause
        return f"{run.status}: {cause}" if cause else run.status
    if metric not in run.results:
        return f"finished without {metric}"
    value = run.results[metric]
    return None if math.isfinite(value) else f"{metric} is {value}"
