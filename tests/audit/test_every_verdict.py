"""The audit's verdict on every clip of ``conf/clip`` is the one its class declares."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from clipbench.audit.static import audit_gradients, audit_module

FOLDER = Path(__file__).parents[2] / "conf" / "clip"
SPECIMENS = {"published_mask", "published_sigmoid"}


def maker(name, **changed):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    node.pop("defaults", None)
    module, kind = node.pop("_target_").rsplit(".", 1)
    return partial(getattr(import_module(module), kind), num_features=4, **{**node, **changed})


def keys(name):
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text()).keys()


NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_is_the_declared_one(name):
    report = audit_module(maker(name))
    assert report.verdict == report.expected
    assert report.convicts == (name in SPECIMENS)
    assert (report.verdict == "NO_GRADIENT") == (name in SPECIMENS)


@pytest.mark.parametrize("name", [name for name in NAMES if "positivity" in keys(name)])
def test_the_verdict_does_not_depend_on_the_parametrisation(name):
    from clipbench.audit.chain import accepted_positivities

    for positivity in accepted_positivities(maker(name).func):
        report = audit_gradients(maker(name, positivity=positivity))
        assert report.verdict == report.expected


@pytest.mark.parametrize("name", [name for name in NAMES if "bits" in keys(name)])
@pytest.mark.parametrize("bits", [2, 8])
def test_rounding_makes_a_surrogate(name, bits):
    report = audit_gradients(maker(name, bits=bits))
    assert report.verdict == report.expected == "SURROGATE"
