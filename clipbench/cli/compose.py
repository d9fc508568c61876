"""Composes every job of a command line, and finds all faults before any runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from clipbench.cli.check import faults_of
from clipbench.cli.errors import ConfigError
from clipbench.cli.hydra_node import faults_of_hydra
from clipbench.cli.loader import CONFIG_NAME, brief, open_loader
from clipbench.cli.words import sort_words, trusted


@dataclass(frozen=True)
class Job:
    """One composed job: its plain configuration, Hydra's own node, and the overrides behind it."""

    config: dict[str, Any]
    hydra: DictConfig
    overrides: tuple[str, ...]


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
    with open_loader(config_dir) as loader:
        words, faults = sort_words(loader, overrides, multirun=multirun)
        trust = trusted(words)
        shipped = _load(loader, [])
        jobs = []
        for line in _expand(words):
            try:
                config = _load(loader, line)
                job = _as_job(config, line)
            except (HydraException, OmegaConfBaseException) as error:
                faults.append(brief(error))
                continue
            except (YAMLError, UnicodeDecodeError) as error:
                faults.append(
                    "a configuration file cannot be read: " + " ".join(str(error).split())
                )
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


def _expand(words: Sequence[Override]) -> list[list[str]]:
    """Return one list of overrides per job: the product of all listed values."""
    try:
        batches = BasicSweeper.split_arguments(list(words), max_batch_size=None)
    except HydraException as error:
        raise ConfigError([brief(error)]) from error
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
