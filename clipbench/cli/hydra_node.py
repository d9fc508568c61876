"""What a user may change in Hydra's own node, and what may be named there.

Hydra's node can start code (callbacks, log handlers, launchers), so it is compared with the one
that our configuration composes: only the keys listed here may differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from clipbench.cli.errors import ConfigError
from clipbench.cli.loader import brief

MAY_DIFFER = ("run.dir", "sweep.dir", "launcher", "verbose", "searchpath")
# What composition itself writes: which overrides came, which options were chosen, where from.
BOOKKEEPING = ("overrides", "runtime", "job.override_dirname", "job.config_name")
MAY_BE_NAMED = (
    "hydra._internal.core_plugins.",
    "hydra_plugins.hydra_joblib_launcher.",
    "hydra_plugins.hydra_submitit_launcher.",
    "hydra_plugins.hydra_ray_launcher.",
    "hydra_plugins.clipbench_",
)


def faults_of_hydra(node: DictConfig, shipped: DictConfig) -> list[str]:
    """Return every way in which a composed ``hydra`` node leaves what a user may change."""
    ours, theirs = dict(_leaves(_plain(shipped))), dict(_leaves(_plain(node)))
    changed = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    allowed = (*MAY_DIFFER, *BOOKKEEPING)
    faults = [
        f"hydra.{key}: this cannot be changed; {', '.join(MAY_DIFFER)} of hydra can"
        for key in changed
        if not _under(key, allowed)
    ]
    faults += [
        f"hydra.{key}: '{value}' is not one of Hydra's own or of clipbench's extras"
        for key, value in theirs.items()
        if key.endswith("_target_")
        and not str(value).startswith(MAY_BE_NAMED)
        and ours.get(key) != value
    ]
    return faults


def folder_in(node: Mapping[str, Any] | DictConfig, key: str, *, config: Mapping[str, Any]) -> Path:
    """Return the folder that Hydra's node gives to ``key``, such as ``run.dir``.

    What it interpolates (``${now:%Y}``, ``${seed}``) is filled in here and once, because Hydra gets
    the result: a time would have moved on until it looks itself.

    Raises:
        ConfigError: It interpolates what is not there.
    """
    whole = OmegaConf.create({**config, "hydra": node})
    try:
        return Path(str(OmegaConf.select(whole, f"hydra.{key}", throw_on_missing=True)))
    except OmegaConfBaseException as error:
        raise ConfigError([f"hydra.{key}: {brief(error)}"]) from error


def _plain(node: DictConfig) -> dict[str, Any]:
    plain = OmegaConf.to_container(node, resolve=False)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _leaves(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _under(key: str, prefixes: tuple[str, ...]) -> bool:
    return any(key == prefix or key.startswith(f"{prefix}.") for prefix in prefixes)
