"""What a search is asked for: its clips, its searched keys, and what all trials share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hydra.core.override_parser.types import Override

from clipbench.analysis.metrics import direction
from clipbench.cli.compose import OWN_JOBS
from clipbench.cli.searches.space import Parameter, read_parameter

METRICS = ("val/accuracy", "val/loss")
CLIP = "clip"
SINGLE = ("seed", "name", "trust", "experiment", "trainer.epochs", "data", "data.val_size",
          "data.split_seed")  # fmt: skip
"""Keys that all trials share: budgets are equal, and one yardstick judges all values."""
OF_SWEEPS = ("skip_invalid", "rerun")
"""Keys of ``sweep`` that say nothing to a search."""
EXAMPLE = "'optim.lr=tag(log,interval(1e-4,1e-1))'"


@dataclass(frozen=True)
class Budget:
    """What every clip gets alike, and how its trials are judged.

    Attributes:
        trials: Trials of each clip.
        seeds: Tuning seeds of each trial.
        metric: The tag whose mean over seeds at the last epoch counts.
        pruning: Whether a trial that falls behind is stopped.
    """

    trials: int
    seeds: int
    metric: str
    pruning: bool

    @property
    def larger_is_better(self) -> bool:
        """Whether the metric shall be large."""
        return direction(self.metric) > 0


@dataclass(frozen=True)
class Request:
    """A search as it was typed.

    Attributes:
        clips: The listed clips; none where only one is asked for.
        shared: The overrides of every trial, as Hydra accepts them.
        values: The searched keys that are no groups.
        groups: The searched groups.
    """

    clips: tuple[str, ...]
    shared: tuple[str, ...]
    values: tuple[Parameter, ...]
    groups: tuple[Parameter, ...]

    @property
    def space(self) -> tuple[Parameter, ...]:
        """All searched keys."""
        return (*self.groups, *self.values)

    def corners(self) -> Iterator[tuple[str, ...]]:
        """Yield the words of the trials to check before any runs.

        Every choice of groups with each other, and under each of them every item and end of the
        other keys, one at a time: a key is checked on its own, but an option decides on its keys.
        """
        for chosen in product(*(_overrides(one, one.texts) for one in self.groups)):
            first = [_overrides(one, one.texts)[0] for one in self.values]
            yield (*chosen, *first)
            for place, one in enumerate(self.values):
                for text in _overrides(one, one.texts)[1:]:
                    yield (*chosen, *first[:place], text, *first[place + 1 :])


def read_request(
    words: Sequence[Override], *, is_group: Callable[[str], bool]
) -> tuple[Request, list[str]]:
    """Read sorted words; return what can be searched, and the faults of the others.

    Args:
        words: What was typed.
        is_group: Tells whether a key is a group.
    """
    faults = list(_faults(words))
    parameters: list[Parameter] = []
    for word in words:
        if not word.is_sweep_override():
            continue
        try:
            parameters.append(read_parameter(word))
        except ValueError as error:
            faults.append(f"{word.key_or_group}: {' '.join(str(error).split())}")
    if not faults and not [one for one in parameters if one.key != CLIP]:
        faults.append(f"nothing to search: give a key a range or a list, such as {EXAMPLE}")
    request = Request(
        clips=next((one.texts for one in parameters if one.key == CLIP), ()),
        shared=tuple(word.input_line or "" for word in words if not word.is_sweep_override()),
        values=tuple(one for one in parameters if not is_group(one.key)),
        groups=tuple(one for one in parameters if is_group(one.key) and one.key != CLIP),
    )
    return request, faults


def faults_of_metric(metric: str) -> list[str]:
    """Return why a search may not be judged by a metric."""
    if metric in METRICS:
        return []
    if metric.startswith("test/"):
        return [f"--metric {metric}: nothing is chosen by the test part; use {METRICS[0]}"]
    return [f"--metric {metric}: choose from {', '.join(METRICS)}"]


def faults_of_settings(sweep: Mapping[str, Any], shipped: Mapping[str, Any]) -> list[str]:
    """Return which keys of ``sweep`` are set that a search does not know."""
    own = [key for key in OWN_JOBS if sweep[key]]
    faults = [f"sweep.{key}: a search has no such jobs; type ranges and lists" for key in own]
    others = [key for key in OF_SWEEPS if sweep[key] != shipped[key]]
    return faults + [f"sweep.{key}: this is for sweeps, not for a search" for key in others]


def _faults(words: Sequence[Override]) -> Iterator[str]:
    typed = Counter(word.key_or_group for word in words)
    for word in words:
        key = word.key_or_group
        if key == "num_seeds":
            yield "num_seeds: the seeds of a trial are --seeds K"
        elif word.is_hydra_override() and key != "hydra.searchpath":
            yield f"{key}: a search runs its trials itself, one after the other, in its own folders"
        elif word.is_sweep_override():
            if key in SINGLE or key.startswith("sweep."):
                yield f"{key}: all trials share it; give one value"
            if typed[key] > 1:
                yield f"{key}: typed {typed[key]} times"


def _overrides(parameter: Parameter, texts: Sequence[str]) -> list[str]:
    return [f"{parameter.head}={text}" for text in texts]
