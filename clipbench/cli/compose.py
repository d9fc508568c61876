"""Composes the configuration of every job of a command line, and finds all faults before any runs.

Hydra stops at the first wrong word and advises ``+key``, which lets a misspelt key through. So the
words are sorted here first: a group choice must name an existing option; any other override is
force-added, so that composition cannot fail on it, and the check against signatures then finds
every unknown key, wrong type and bad value at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from clipbench.cli.check import faults_of
from clipbench.cli.conf_dir import conf_dir
from clipbench.cli.errors import ConfigError
from clipbench.cli.hydra_node import faults_of_hydra
from clipbench.cli.nearest import nearest

CONFIG_NAME = "train"
LAUNCHER_EXTRAS = {
    "joblib": "joblib",
    "submitit_local": "slurm",
    "submitit_slurm": "slurm",
    "ray": "ray",
}


@dataclass(frozen=True)
class Job:
    """One composed job: its plain configuration, Hydra's own node, and the overrides behind it."""

    config: dict[str, Any]
    hydra: DictConfig
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    """A command line's overrides by kind, for a configuration that is composed already."""

    groups: list[str]
    values: dict[str, Any]
    trust: tuple[str, ...]
    run_dir: str | None


@dataclass(frozen=True)
class Composition:
    """All jobs of a command line, and the overrides in the form in which Hydra accepts them."""

    jobs: list[Job]
    overrides: list[str]


def compose(
    overrides: Sequence[str], *, multirun: bool = False, config_dir: str | None = None
) -> Composition:
    """Compose and check every job that a command line asks for; makes no folder.

    Raises:
        ConfigError: With all faults of all jobs, each named once.
    """
    with _loader(config_dir) as loader:
        words, faults = _read_words(loader, overrides, multirun=multirun)
        trust = _trusted(words)
        shipped = _load(loader, [])
        jobs = []
        for line in _expand(words):
            try:
                config = _load(loader, line)
                job = _as_job(config, line)
            except (HydraException, OmegaConfBaseException) as error:
                faults.append(_first_lines(error))
                continue
            except (YAMLError, UnicodeDecodeError) as error:
                faults.append(f"a configuration file cannot be read: {_one_line(error)}")
                continue
            jobs.append(job)
            faults += faults_of(job.config, trust=trust)
            faults += faults_of_hydra(job.hydra, shipped["hydra"])
            if job.config.get("trust") != list(trust):
                faults.append("trust: packages are trusted on the command line only")
    if not faults:
        faults = refused_by_parts(job.config for job in jobs)
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    return Composition(jobs, [word.input_line or "" for word in words])


def refused_by_parts(configs: Iterable[dict[str, Any]]) -> list[str]:
    """Return what clips, optimizers and schedules refuse in checked configurations."""
    from clipbench.cli.assemble import trial_faults  # slow to import, and mostly not needed

    return [fault for config in configs for fault in trial_faults(config)]


def read_words(overrides: Sequence[str]) -> Words:
    """Sort overrides into group choices, values, trusted packages and the run's folder.

    Raises:
        ConfigError: A word cannot be read, names no option, or asks for what needs ``train``.
    """
    with _loader(None) as loader:
        words, faults = _read_words(loader, overrides, multirun=False)
        groups = _Groups(loader, overrides)
        chosen = [word for word in words if groups.options(word.key_or_group)]
    choices = [word.input_line or "" for word in chosen]
    rest = [word for word in words if word not in chosen]
    folders = [word.value() for word in rest if word.key_or_group == "hydra.run.dir"]
    for word in rest:
        if word.is_delete() or (word.is_hydra_override() and word.key_or_group != "hydra.run.dir"):
            faults.append(f"'{word.input_line}' works with clipbench train only")
    if faults:
        raise ConfigError(faults)
    values = {
        word.key_or_group: word.value()
        for word in rest
        if not word.is_hydra_override() and word.key_or_group != "trust"
    }
    return Words(choices, values, _trusted(words), str(folders[-1]) if folders else None)


@contextmanager
def _loader(config_dir: str | None) -> Iterator[ConfigLoader]:
    """Give a loader that searches what ``hydra.main`` would; the global state is cleared after."""
    search_path = create_config_search_path(str(conf_dir()))
    if config_dir is not None:
        extra = Path(config_dir).resolve()
        if not extra.is_dir():
            raise ConfigError([f"--config-dir: there is no folder '{config_dir}'"])
        before_schema = SearchPathQuery(provider="schema")
        search_path.prepend("command-line", f"file://{extra}", before_schema)
    Plugins.instance()
    GlobalHydra.instance().clear()
    hydra = Hydra.create_main_hydra2(task_name="clipbench", config_search_path=search_path)
    try:
        yield hydra.config_loader
    finally:
        GlobalHydra.instance().clear()


def _read_words(
    loader: ConfigLoader, overrides: Sequence[str], *, multirun: bool
) -> tuple[list[Override], list[str]]:
    """Parse each override; return the usable ones, normalised, and the faults of the others."""
    parser = OverridesParser.create(config_loader=loader)
    groups = _Groups(loader, overrides)
    words: list[Override] = []
    faults: list[str] = []
    for text in overrides:
        try:
            (override,) = parser.parse_overrides([text])
        except HydraException as error:
            faults.append(f"'{text}': {_first_lines(error, lines=1)}")
            continue
        if override.is_sweep_override() and not multirun:
            faults.append(f"'{text}' lists several values: add -m for a sweep, or quote the value")
            continue
        problem = _wrong_option(groups, override)
        if problem is not None:
            faults.append(problem)
            continue
        words += parser.parse_overrides([_forced(groups, override)])
    return words, faults


class _Groups:
    """The options of each group, also those of folders added by ``hydra.searchpath``.

    What has been looked up is kept: Hydra copies all it has read for every look.
    """

    def __init__(self, loader: ConfigLoader, overrides: Sequence[str]) -> None:
        self._loader = loader
        self._searchpath = [text for text in overrides if text.startswith("hydra.searchpath=")]
        self._known: dict[str, list[str]] = {}

    def options(self, group: str) -> list[str]:
        """Return the options of a group; none if there is no such group."""
        if group not in self._known:
            self._known[group] = self._loader.get_group_options(
                group, config_name=CONFIG_NAME, overrides=self._searchpath
            )
        return self._known[group]


def _wrong_option(groups: _Groups, override: Override) -> str | None:
    """Return what is wrong with a group choice, or None (also for what is no group choice)."""
    group = override.key_or_group
    options = groups.options(group)
    if not options or override.is_delete():
        return None
    for choice in _chosen(override):
        if choice not in options:
            extra = LAUNCHER_EXTRAS.get(choice) if group == "hydra/launcher" else None
            if extra is not None:
                return f"{group}: '{choice}' is not installed; pip install 'clipbench[{extra}]'"
            return f"{group}: no option '{choice}'; {nearest(choice, options)}"
    return None


def _chosen(override: Override) -> list[str]:
    """Return the option names in a group choice; ``null`` chooses nothing."""
    value = override.value()
    if override.is_sweep_override():
        if not override.is_discrete_sweep():
            return []
        values = [str(choice) for choice in override.sweep_iterator()]
        return [text.strip("[]'\"") for text in values if not text.startswith("[")]
    if value is None:
        return []
    return [str(choice) for choice in value] if isinstance(value, list) else [str(value)]


def _forced(groups: _Groups, override: Override) -> str:
    """Return an override as text that Hydra accepts once the check has passed it."""
    text = override.input_line or ""
    if override.is_delete() or override.is_hydra_override():
        return text
    bare = text.lstrip("+")
    return bare if groups.options(override.key_or_group) else f"++{bare}"


def _trusted(words: Sequence[Override]) -> tuple[str, ...]:
    """Return the packages named by ``trust=[...]`` on this command line."""
    named = [word.value() for word in words if word.key_or_group == "trust"]
    last = named[-1] if named else []
    return tuple(str(package) for package in last) if isinstance(last, list) else ()


def _expand(words: Sequence[Override]) -> list[list[str]]:
    """Return one list of overrides per job: the product of all listed values."""
    try:
        batches = BasicSweeper.split_arguments(list(words), max_batch_size=None)
    except HydraException as error:
        raise ConfigError([_first_lines(error)]) from error
    return [list(line) for batch in batches for line in batch]


def _load(loader: ConfigLoader, overrides: list[str]) -> DictConfig:
    return loader.load_configuration(
        config_name=CONFIG_NAME, overrides=overrides, run_mode=RunMode.RUN, from_shell=False
    )


def _as_job(config: DictConfig, overrides: Sequence[str]) -> Job:
    """Split a composed configuration into ours (plain, resolved) and Hydra's (left unresolved)."""
    ours = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    plain = OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)
    assert isinstance(plain, dict)
    shown = tuple(text.lstrip("+") for text in overrides if not text.startswith("hydra"))
    return Job({str(key): value for key, value in plain.items()}, config.hydra, shown)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _first_lines(error: Exception, lines: int = 2) -> str:
    """Return an error of Hydra's in brief, without its advice to add a plus sign."""
    text = "\n".join(str(part) for part in (error, error.__cause__) if part is not None)
    kept = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [line for line in kept if "+" not in line and "full_key" not in line]
    return " ".join(dict.fromkeys(kept[:lines])) or type(error).__name__
