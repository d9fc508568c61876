"""Composes every job of a command line, and finds all faults before any runs."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from clipbench.cli.check import faults_of, faults_of_sweep
from clipbench.cli.errors import ConfigError
from clipbench.cli.expand import Line, combinations, params_text, point_lines, refuse_twice
from clipbench.cli.hydra_node import faults_of_hydra
from clipbench.cli.loader import CONFIG_NAME, brief, open_loader
from clipbench.cli.option_files import refuse_bombs, searched
from clipbench.cli.words import Groups, sort_words, trusted, wrong_options
from clipbench.records.json_text import canonical

OWN_JOBS = ("points", "zip", "params")
"""The keys of ``sweep`` that name jobs of its own."""


@dataclass(frozen=True)
class Job:
    """One composed job.

    Attributes:
        config: Its plain configuration, without the keys of the sweep.
        hydra: Hydra's own node, unresolved.
        overrides: What was typed for it, the listed values resolved.
    """

    config: dict[str, Any]
    hydra: DictConfig
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Refused:
    """A job that cannot run, and why."""

    overrides: tuple[str, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Composition:
    """All jobs of a command line.

    Attributes:
        jobs: Those that can run.
        refused: Those that cannot; some only where ``sweep.skip_invalid`` allows it.
        overrides: The words in the form in which Hydra accepts them.
        sweep: The keys of ``sweep``.
        multirun: Whether this is a sweep: so typed, or because the experiment holds one.
    """

    jobs: list[Job]
    refused: list[Refused]
    overrides: list[str]
    sweep: dict[str, Any]
    multirun: bool


def compose(
    overrides: Sequence[str], *, multirun: bool = False, config_dir: str | None = None
) -> Composition:
    """Compose and check every job that a command line asks for; makes no folder.

    Raises:
        ConfigError: With all faults of all jobs, each named once.
    """
    for folder in searched(overrides):
        refuse_bombs(folder)
    with open_loader(config_dir) as loader:
        words, faults = sort_words(loader, overrides, multirun=multirun)
        composer = Composer(loader, overrides, trust=trusted(words))
        sweep = composer.sweep_of(word for word in words if not word.is_sweep_override())
        holds_sweep = any(sweep[key] for key in OWN_JOBS)
        if not multirun and not holds_sweep and sweep != composer.sweep_of([]):
            faults.append("sweep: its keys are for sweeps; add -m, or leave them out")
        lines, refused = composer.lines(words, sweep)
        for line in lines:
            composer.add(line)
    jobs, refused = composer.jobs, refused + composer.refused
    if not faults and (not refused or sweep["skip_invalid"]):
        jobs, late = tried(jobs)
        refused += late
    if faults or (refused and not (sweep["skip_invalid"] and jobs)):
        faults += told(refused, of=len(jobs) + len(refused))
        raise ConfigError(list(dict.fromkeys(faults)))
    texts = [word.input_line or "" for word in words]
    return Composition(jobs, refused, texts, sweep, multirun or holds_sweep)


def refused_by_parts(config: dict[str, Any]) -> list[str]:
    """Return what clips, optimizers and schedules refuse in a checked configuration."""
    from clipbench.cli.assemble import trial_faults  # slow to import, and mostly not needed
    from clipbench.cli.stacks import stack_faults

    return trial_faults(config) or stack_faults(config)


@dataclass(frozen=True)
class _Base:
    """What some chosen options compose to, before any value is set."""

    own: DictConfig
    hydra: DictConfig
    faults: list[str]


class Composer:
    """Composes jobs one after the other; what several of them share is composed once.

    To follow the defaults lists takes Hydra a good part of a second, and depends on the chosen
    options alone. Values are then set on a copy, by the function with which Hydra sets them.
    """

    def __init__(
        self, loader: ConfigLoader, overrides: Sequence[str], *, trust: tuple[str, ...]
    ) -> None:
        self.jobs: list[Job] = []
        self.refused: list[Refused] = []
        self._loader = loader
        self._groups = Groups(loader, overrides)
        self._parser = OverridesParser.create(config_loader=loader)
        self._trust = trust
        self._bases: dict[tuple[str, ...], _Base] = {}

    def sweep_of(self, words: Iterable[Override]) -> dict[str, Any]:
        """Return the keys of ``sweep`` under some words.

        Raises:
            ConfigError: They cannot be composed, or a key of ``sweep`` is wrong.
        """
        try:
            config, _ = self._compose([word.input_line or "" for word in words])
        except _REFUSALS as error:
            raise ConfigError([_refusal(error)]) from error
        sweep = config["sweep"]
        faults = faults_of_sweep(sweep)
        if faults:
            raise ConfigError(faults)
        return dict(sweep)

    def lines(
        self, words: Sequence[Override], sweep: dict[str, Any]
    ) -> tuple[list[Line], list[Refused]]:
        """Return one line of overrides a job, and the points that cannot be read."""
        typed = [word.key_or_group for word in words]
        params = {key: text for key, text in sweep["params"].items() if key not in typed}
        more, faults = sort_words(self._loader, params_text(params), multirun=True)
        if faults:
            raise ConfigError(faults)
        keys = {key for point in [*sweep["points"], sweep["zip"]] for key in point}
        refuse_twice([*typed, *params], keys, where="sweep.points or sweep.zip, and elsewhere,")
        points, refused = [], []
        for point in point_lines(sweep):
            own, faults = sort_words(self._loader, point, multirun=False)
            if faults:
                refused.append(Refused(tuple(point), tuple(faults)))
            else:
                points.append([word.input_line or "" for word in own])
        typed_lines = combinations([*words, *more])
        return [[*line, *point] for point in points for line in typed_lines], refused

    def add(self, line: Line) -> None:
        """Compose the job of a line and keep it, under ``jobs`` or ``refused``."""
        job = self.composed(line)
        if isinstance(job, Job):
            self.jobs.append(job)
        else:
            self.refused.append(job)

    def composed(self, line: Line) -> Job | Refused:
        """Compose the job of a line and check it, with all its faults at once."""
        shown = tuple(text.lstrip("+") for text in line if not text.startswith("hydra"))
        wrong = wrong_options(self._groups, line)
        faults = list(wrong.values())
        try:
            config, base = self._compose([text for text in line if text not in wrong])
        except _REFUSALS as error:
            return Refused(shown, (*faults, _refusal(error)))
        del config["sweep"]
        faults += faults_of(config, trust=self._trust) + base.faults
        if config.get("trust") != list(self._trust):
            faults.append("trust: packages are trusted on the command line only")
        return Refused(shown, tuple(faults)) if faults else Job(config, base.hydra, shown)

    def _compose(self, line: Line) -> tuple[dict[str, Any], _Base]:
        """Return a line's configuration (plain, resolved) and what its options alone compose to."""
        base = self._base(tuple(text for text in line if not text.startswith("++")))
        values = self._parser.parse_overrides([text for text in line if text.startswith("++")])
        config = copy.deepcopy(base.own)
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        assert isinstance(plain, dict)
        return {str(key): value for key, value in plain.items()}, base

    def _base(self, chosen: tuple[str, ...]) -> _Base:
        if chosen not in self._bases:
            config = self._loader.load_configuration(
                config_name=CONFIG_NAME,
                overrides=list(chosen),
                run_mode=RunMode.RUN,
                from_shell=False,
            )
            own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
            shipped = self._base(()).hydra if chosen else config.hydra
            self._bases[chosen] = _Base(own, config.hydra, faults_of_hydra(config.hydra, shipped))
        return self._bases[chosen]


_REFUSALS = (HydraException, OmegaConfBaseException, YAMLError, UnicodeDecodeError)


def _refusal(error: Exception) -> str:
    if isinstance(error, HydraException | OmegaConfBaseException):
        return brief(error)
    return "a configuration file cannot be read: " + " ".join(str(error).split())


def tried(jobs: Sequence[Job]) -> tuple[list[Job], list[Refused]]:
    """Build the parts of each job on trial; return the jobs that pass, and those that do not."""
    known: dict[str, list[str]] = {}
    passed, refused = [], []
    for job in jobs:
        text = canonical({**job.config, "seed": 0})
        if text not in known:
            known[text] = refused_by_parts(job.config)
        if known[text]:
            refused.append(Refused(job.overrides, tuple(known[text])))
        else:
            passed.append(job)
    return passed, refused


def told(refused: Sequence[Refused], *, of: int) -> list[str]:
    """Return each fault once, with the jobs that it concerns where these are not all."""
    places: dict[str, list[str]] = {}
    for job in refused:
        for fault in job.faults:
            places.setdefault(fault, []).append(" ".join(job.overrides))
    return [
        fault if len(jobs) == of else f"{fault}  (job {jobs[0]}{_more(len(jobs) - 1)})"
        for fault, jobs in places.items()
    ]


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""
