"""The configuration of an earlier run, with overrides, through the same check as a typed one.

It comes from ``run.json`` (digest checked, size capped), never from the YAML that Hydra wrote, and
the packages it may name are those trusted on this command line, not those the run names.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from clipbench.cli.check import ROOMS, SETTINGS, faults_of
from clipbench.cli.compose import Job, compose, refused_by_parts
from clipbench.cli.errors import ConfigError
from clipbench.cli.hydra_node import folder_in
from clipbench.cli.words import Words, read_words
from clipbench.data import cache
from clipbench.records.json_text import canonical
from clipbench.records.reading import RunError
from clipbench.records.run_dir import RUN_FILE, read_run


@dataclass(frozen=True)
class Recorded:
    """An earlier run: its record, its configuration with overrides applied, the folder wished."""

    record: Mapping[str, Any]
    config: dict[str, Any]
    typed: list[str]
    run_dir: Path | None


def read_recorded(run: Path, overrides: Sequence[str]) -> Recorded:
    """Read a run's configuration and apply overrides to it.

    A group choice (``clip=prelu``) replaces that group by what it would be on a fresh command line,
    and whatever else that choice brings with it; every other key stays as the run had it.

    Raises:
        RunError: The directory holds no readable run.
        ConfigError: An override is wrong, or the result does not pass the check.
    """
    record = read_run(run)
    _refuse_interpolation(record["config"], run)
    words = read_words(overrides)
    config = copy.deepcopy(dict(record["config"])) | {
        "num_seeds": 1,
        "name": None,
        "trust": list(words.trust),
    }
    _forget_foreign_root(config)
    if words.groups:
        config = _with_groups(config, words)
    loose = OmegaConf.create(config)
    for key, value in words.values.items():
        OmegaConf.update(loose, key, value, force_add=True)
    plain = OmegaConf.to_container(loose, resolve=True)
    assert isinstance(plain, dict)
    config = {str(key): value for key, value in plain.items()}
    faults = faults_of(config, trust=words.trust) or refused_by_parts(config)
    if faults:
        raise ConfigError(faults)
    typed = [text for text in overrides if not text.startswith("hydra.")]
    node = {"run": {"dir": words.run_dir}}
    folder = None if words.run_dir is None else folder_in(node, "run.dir", config=config)
    return Recorded(record, config, typed, folder)


def _refuse_interpolation(config: Mapping[str, Any], run: Path) -> None:
    """Make sure that nothing in a recorded configuration would be filled in.

    A run records values. ``${oc.env:TOKEN}`` in one is somebody's wish for a variable of ours, and
    texts that repeat each other can grow without end.
    """
    if "${" in canonical(config):
        raise RunError(
            "The configuration of the run holds an interpolation (${…}), which no run records.",
            where=run / RUN_FILE,
            remedy="Name a run directory that clipbench wrote.",
        )


def _forget_foreign_root(config: dict[str, Any]) -> None:
    """Drop a recorded folder of data sets that does not hold the set.

    To a run of this machine it says where to read. That of another is no place to write to.
    """
    data = config.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("root"), str):
        return
    name = str(data.get("_target_")).split(".")[-2:][0]
    if not cache.is_present(cache.folder_of(name, root=data["root"])):
        data["root"] = None


def _with_groups(config: dict[str, Any], words: Words) -> dict[str, Any]:
    """Replace the chosen groups, and every other group that the choice changes too."""
    plain: Job = compose([f"trust=[{','.join(words.trust)}]"]).jobs[0]
    chosen: Job = compose([*words.groups, f"trust=[{','.join(words.trust)}]"]).jobs[0]
    picked = {text.partition("=")[0] for text in words.groups}
    for group in [*ROOMS, *SETTINGS]:
        before, after = plain.config[group], chosen.config[group]
        if group in picked:
            config[group] = after
        elif before != after:
            changed = {key: value for key, value in after.items() if before.get(key) != value}
            same_target = before.get("_target_") == after.get("_target_")
            config[group] = {**config[group], **changed} if same_target else after
    return config
