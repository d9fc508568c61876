"""The plan of a search: checked at all its corners at the start, composed trial by trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Quote, QuotedString

from clipbench.cli.compose import OWN_JOBS, Composer, Job, Refused, told, tried
from clipbench.cli.errors import ConfigError
from clipbench.cli.folders import overrides_name
from clipbench.cli.searches.request import (
    CLIP,
    Budget,
    Request,
    faults_of_metric,
    faults_of_settings,
    read_request,
)
from clipbench.cli.words import Groups, sort_words, trusted
from clipbench.records.sweep_file import PlannedJob

_LAUNCHER = "hydra/launcher"


@dataclass(frozen=True)
class Plan:
    """A search that can start.

    Attributes:
        request: What was typed.
        budget: What every clip gets.
        bases: The configuration of each clip, by its name, with the first of all searched values.
        settings: The keys of ``sweep`` that hold while a trial runs.
    """

    request: Request
    budget: Budget
    bases: Mapping[str, dict[str, Any]]
    settings: Mapping[str, Any]
    _composer: Composer

    @property
    def seed(self) -> int:
        """The first tuning seed."""
        return int(self._first["seed"])

    @property
    def name(self) -> str | None:
        """The name of the search's home."""
        name: str | None = self._first["name"]
        return name

    @property
    def _first(self) -> dict[str, Any]:
        return next(iter(self.bases.values()))

    def job(self, clip: str, slot: int, words: Sequence[str]) -> PlannedJob:
        """Compose the job of a trial.

        Args:
            clip: Its clip.
            slot: Its number among the trials of the clip, from 0.
            words: The overrides that set the searched keys.

        Raises:
            ConfigError: It cannot run, though the corners of the search can.
        """
        job = self._composer.composed(_line(self.request, self.budget, clip, words))
        if isinstance(job, Refused):
            raise ConfigError(job.faults)
        named = overrides_name([f"trial={slot + 1}", *words])
        return PlannedJob(
            folder=f"{overrides_name([f'{CLIP}={clip}'])}/{named}",
            overrides=job.overrides,
            config=job.config,
            seeds=tuple(range(self.seed, self.seed + self.budget.seeds)),
        )


def make_plan(
    loader: ConfigLoader, overrides: Sequence[str], budget: Budget, *, name: str | None
) -> Plan:
    """Read a search and check it.

    Args:
        loader: Must stay open while the plan is used.
        overrides: What was typed.
        budget: What every clip gets.
        name: The home's name where it was given as a flag.

    Raises:
        ConfigError: With all faults.
    """
    typed = [*overrides, *_named(name)]
    words, faults = sort_words(loader, typed, multirun=True)
    groups = Groups(loader, overrides)
    request, more = read_request(words, is_group=lambda key: bool(groups.options(key)))
    faults += faults_of_metric(budget.metric) + more
    composer = Composer(loader, overrides, trust=trusted(words))
    try:
        shipped = composer.sweep_of([])
        sweep = composer.sweep_of(word for word in words if not word.is_sweep_override())
    except ConfigError as error:
        raise ConfigError([*faults, *error.faults]) from error
    faults += faults_of_settings(sweep, shipped)
    bases = _checked(composer, request, budget, faults)
    settings = {key: value for key, value in sweep.items() if key not in OWN_JOBS}
    return Plan(request, budget, bases, settings, composer)


def _checked(
    composer: Composer, request: Request, budget: Budget, faults: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Compose every corner of every clip; return the first configuration of each clip."""
    for clip in request.clips or (None,):
        for words in request.corners():
            composer.add(_line(request, budget, clip, words))
    jobs, refused = composer.jobs, composer.refused
    if not faults and not refused:
        jobs, refused = tried(jobs)
    strange = {_chosen(job, _LAUNCHER) for job in jobs} - {"basic"}
    faults = [*faults, *(f"{_LAUNCHER}: a search does without '{name}'" for name in strange)]
    if faults or refused:
        raise ConfigError(
            list(dict.fromkeys([*faults, *told(refused, of=len(jobs) + len(refused))]))
        )
    bases: dict[str, dict[str, Any]] = {}
    for job in jobs:
        bases.setdefault(_chosen(job, CLIP), job.config)
    return bases


def _line(request: Request, budget: Budget, clip: str | None, words: Sequence[str]) -> list[str]:
    own = [f"{CLIP}={clip}"] if request.clips else []
    return [*request.shared, *own, *words, f"++num_seeds={budget.seeds}"]


def _chosen(job: Job, group: str) -> str:
    """Return the option that a job has of a group, wherever it was chosen."""
    return str(job.hydra.runtime.choices[group])


def _named(name: str | None) -> list[str]:
    return [] if name is None else [f"name={QuotedString(name, Quote.single).with_quotes()}"]
