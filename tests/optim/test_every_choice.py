"""Laws of every file in conf/optim and conf/schedule; new ones are tested without being named."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

CONF = Path(__file__).parents[2] / "conf"
SUPPLIED = {"optim": {"params"}, "schedule": {"total_steps"}}
CHOICES = [
    (group, path.stem) for group in SUPPLIED for path in sorted((CONF / group).glob("*.yaml"))
]


def load(group, name):
    node = OmegaConf.to_container(OmegaConf.load(CONF / group / f"{name}.yaml"))
    module, _, attribute = node.pop("_target_").rpartition(".")
    return getattr(import_module(module), attribute), node


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_the_file_states_every_own_key_with_its_default(group, name):
    function, keys = load(group, name)
    own = {
        key: list(p.default) if isinstance(p.default, tuple) else p.default
        for key, p in inspect.signature(function).parameters.items()
        if key not in SUPPLIED[group]
    }
    assert keys == own


@pytest.mark.parametrize("name", [name for group, name in CHOICES if group == "optim"])
def test_every_optimizer_descends_and_tells_its_rates(name):
    function, keys = load("optim", name)
    weight = nn.Parameter(torch.full((4, 4), 5.0))
    threshold = nn.Parameter(torch.tensor(5.0))
    optimizer = function(
        [
            {"params": [weight], "role": "weights", "decay": "weights"},
            {"params": [threshold], "role": "thresholds", "decay": "none"},
        ],
        **{**keys, "threshold_lr_scale": 2.0},
    )
    rates = [(g["role"], g["lr"], g["initial_lr"]) for g in optimizer.param_groups]
    lr = keys["lr"]
    assert rates == [("weights", lr, lr), ("thresholds", 2 * lr, 2 * lr)]
    for _ in range(50):
        optimizer.zero_grad()
        (weight.square().sum() + threshold.square()).backward()
        optimizer.step()
    assert weight.abs().max() < 5
    assert threshold.abs() < 5


@pytest.mark.parametrize("name", [name for group, name in CHOICES if group == "schedule"])
@pytest.mark.parametrize("total_steps", [1, 2, 7, 1000])
def test_every_schedule_gives_a_positive_multiplier_up_to_one(name, total_steps):
    function, keys = load("schedule", name)
    schedule = function(total_steps=total_steps, **keys)
    curve = [schedule(step) for step in range(total_steps)]
    assert all(0 < value <= 1 for value in curve)
    assert max(curve) == 1
