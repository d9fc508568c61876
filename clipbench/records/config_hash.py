"""Which runs are the same experiment: hashes over the part of a config that decides the result.

``config_hash`` covers everything that may change a number of a run, ``group_hash`` the same without
the seed. Configs are plain dicts of JSON values.
"""

from __future__ import annotations

from collections.abc import Mapping

from clipbench.records.json_text import Json, canonical, sha256

Config = Mapping[str, Json]

# What a run is called, where it runs and how it is watched: none of it may change a result.
_UNHASHED = frozenset(
    {
        "name",
        "resume",
        "trust",
        "num_seeds",
        "sweep",
        "hydra",
        "data.root",
        "data.offline",
        "trainer.device",
        "trainer.stack",
        "trainer.log_every",
        "trainer.save_every",
    }
)


def config_hash(config: Config) -> str:
    """Hash what decides the result of a run: the config without names, places and watching."""
    return sha256(_hashed(config))


def group_hash(config: Config) -> str:
    """Hash a config without its seed, so that runs which differ in the seed alone share it."""
    hashed = _hashed(config)
    hashed.pop("seed", None)
    return sha256(hashed)


def changed_keys(config_a: Config, config_b: Config) -> list[str]:
    """Name the dotted keys, sorted, that give two configs different hashes.

    >>> changed_keys({"seed": 0, "optim": {"lr": 0.1}}, {"seed": 0, "optim": {"lr": 0.2}})
    ['optim.lr']
    """
    a, b = _hashed(config_a), _hashed(config_b)
    return sorted(key for key in a.keys() | b.keys() if _text_at(a, key) != _text_at(b, key))


def _text_at(flat: dict[str, Json], key: str) -> str | None:
    return canonical(flat[key]) if key in flat else None


def _hashed(config: Config) -> dict[str, Json]:
    """Flatten a config to dotted keys, without the keys that no hash covers.

    An empty group stays as a leaf, so that it differs from a missing one.
    """
    flat: dict[str, Json] = {}
    rest: list[tuple[str, Json]] = list(config.items())
    while rest:
        key, value = rest.pop()
        if key in _UNHASHED:
            continue
        if isinstance(value, dict) and len(value) > 0:
            rest.extend((f"{key}.{inner}", item) for inner, item in value.items())
        else:
            flat[key] = value
    return flat
