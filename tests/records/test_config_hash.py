"""The hash covers what decides a result and nothing else."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest

from clipbench.records.config_hash import changed_keys, config_hash, group_hash

CONFIG: dict[str, Any] = {
    "seed": 0,
    "num_seeds": 1,
    "name": None,
    "resume": None,
    "trust": [],
    "sweep": {"rerun": [], "timeout": 60},
    "hydra": {"run": {"dir": "outputs"}},
    "clip": {"_target_": "clipbench.clips.learnable.LearnableClip", "init": 1.0},
    "data": {"root": None, "offline": False, "val_size": 100},
    "trainer": {"device": "cpu", "stack": None, "log_every": 50, "epochs": 2},
    "optim": {"lr": 0.1, "betas": [0.9, 0.999]},
    "probe": {},
}

UNHASHED = [
    ("name", "x"),
    ("resume", "outputs/x"),
    ("trust", ["mypkg"]),
    ("num_seeds", 10),
    ("sweep", {"rerun": ["diverged"]}),
    ("hydra", {}),
    ("data.root", "/data"),
    ("data.offline", True),
    ("trainer.device", "cuda:1"),
    ("trainer.stack", True),
    ("trainer.log_every", 1),
]

HASHED = [
    ("seed", 1),
    ("clip.init", 2.0),
    ("clip.init", "percentile"),
    ("data.val_size", 101),
    ("trainer.epochs", 3),
    ("optim.lr", math.inf),
    ("optim.betas", [0.999, 0.9]),
    ("probe", {"sparsity": {}}),
    ("new", None),
]


def _with(dotted: str, value: object) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    *groups, key = dotted.split(".")
    node = config
    for group in groups:
        node = node[group]
    node[key] = value
    return config


@pytest.mark.parametrize(("key", "value"), UNHASHED)
def test_names_places_and_watching_change_nothing(key: str, value: object) -> None:
    changed = _with(key, value)
    assert config_hash(changed) == config_hash(CONFIG)
    assert group_hash(changed) == group_hash(CONFIG)
    assert changed_keys(CONFIG, changed) == []


@pytest.mark.parametrize(("key", "value"), HASHED)
def test_everything_else_changes_the_hash_and_is_named(key: str, value: object) -> None:
    changed = _with(key, value)
    assert config_hash(changed) != config_hash(CONFIG)
    assert (group_hash(changed) == group_hash(CONFIG)) == (key == "seed")
    named = changed_keys(CONFIG, changed)
    assert named == changed_keys(changed, CONFIG)
    assert key in named or any(name.startswith(key + ".") for name in named)


def test_the_order_of_keys_does_not_matter() -> None:
    assert config_hash(dict(reversed(CONFIG.items()))) == config_hash(CONFIG)


def test_hashing_changes_no_config() -> None:
    before = copy.deepcopy(CONFIG)
    config_hash(CONFIG)
    group_hash(CONFIG)
    assert before == CONFIG


def test_a_group_is_not_its_config() -> None:
    assert group_hash(CONFIG) != config_hash(CONFIG)
