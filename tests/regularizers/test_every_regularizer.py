"""The laws of every regularizer in ``conf/regularizer``, found from the folder."""

from __future__ import annotations

import inspect
import math
from importlib import import_module
from pathlib import Path

import pytest
import torch
import yaml
from torch.func import grad, vmap

from clipbench.regularizers.base import Activation, Regularizer

FOLDER = Path(__file__).parents[2] / "conf" / "regularizer"
NODES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}


def load(name):
    settings = dict(NODES[name])
    module, _, attribute = settings.pop("_target_").rpartition(".")
    return getattr(import_module(module), attribute), settings


PENALTIES = [name for name in NODES if issubclass(load(name)[0], Regularizer)]


@pytest.fixture(params=PENALTIES)
def made(request):
    function, settings = load(request.param)
    return function(**settings)


def leaves(seed, *, scale=1.0, dtype=torch.float32):
    """What a flat and a spatial site put into a penalty: outputs, what is active, thresholds."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return (scale * torch.randn(shape, generator=generator)).to(dtype)

    y, z = draw(4, 3), draw(4, 2, 3, 3)
    return {
        "y1": y,
        "y2": z,
        "active1": (y > 0).to(dtype),
        "active2": (z > 0.5).to(dtype),
        "t1": draw().float(),
        "t2": draw(2).float(),
    }


def penalty(regularizer, parts):
    activations = {
        "one": Activation(parts["y1"], parts["y1"], parts["active1"]),
        "two": Activation(parts["y2"], parts["y2"], parts["active2"]),
    }
    return regularizer(activations, {"one": {"upper": parts["t1"]}, "two": {"lower": parts["t2"]}})


@pytest.mark.parametrize("name", NODES)
def test_its_yaml_shows_every_setting_with_its_default(name):
    function, settings = load(name)
    assert settings == {k: p.default for k, p in inspect.signature(function).parameters.items()}


def test_it_is_one_number_that_is_not_negative_and_depends_on_what_it_is_given(made):
    first, second = penalty(made, leaves(0)), penalty(made, leaves(1))
    assert first.shape == ()
    assert min(first.item(), second.item()) >= 0
    assert first.item() != second.item()


def test_it_is_pure(made):
    parts = leaves(0)
    before = {name: value.clone() for name, value in parts.items()}
    assert torch.equal(penalty(made, parts), penalty(made, parts))
    assert all(torch.equal(value, before[name]) for name, value in parts.items())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_it_is_summed_in_float32_at_least(made, dtype):
    found = penalty(made, leaves(0, dtype=dtype))
    wide = penalty(made, {k: v.double() for k, v in leaves(0, dtype=dtype).items()})
    assert found.dtype in (torch.float32, torch.float64)
    assert found.item() == pytest.approx(wide.item(), rel=1e-5)


def test_the_order_of_the_sites_does_not_matter(made):
    parts = leaves(0)
    sites = {
        "one": Activation(parts["y1"], parts["y1"], parts["active1"]),
        "two": Activation(parts["y2"], parts["y2"], parts["active2"]),
    }
    thresholds = {"one": {"upper": parts["t1"]}, "two": {"lower": parts["t2"]}}
    turned = made(dict(reversed(sites.items())), dict(reversed(thresholds.items())))
    assert turned.item() == pytest.approx(made(sites, thresholds).item(), rel=1e-6)


def test_a_batch_that_holds_every_sample_twice_has_the_same_penalty(made):
    parts = leaves(0)
    twice = {k: torch.cat([v, v]) if v.dim() > 1 else v for k, v in parts.items()}
    assert penalty(made, twice).item() == pytest.approx(penalty(made, parts).item(), rel=1e-6)


def test_without_sites_it_is_zero(made):
    assert made({}, {}).item() == 0


def test_all_zero_activations_give_finite_numbers(made):
    parts = {name: torch.zeros_like(value) for name, value in leaves(0).items()}
    assert penalty(made, parts).isfinite()
    gradients = grad(lambda parts: penalty(made, parts))(parts)
    assert all(gradient.isfinite().all() for gradient in gradients.values())


def test_it_has_a_gradient_for_something(made):
    gradients = grad(lambda parts: penalty(made, parts))(leaves(0))
    assert any(gradient.abs().max() > 0 for gradient in gradients.values())


def test_under_vmap_each_model_has_its_own_penalty_and_gradient(made):
    models = [leaves(0), leaves(1, scale=10.0), leaves(2, scale=0.0)]
    stacked = {name: torch.stack([parts[name] for parts in models]) for name in models[0]}

    def both(parts):
        return penalty(made, parts), grad(lambda parts: penalty(made, parts))(parts)

    values, gradients = vmap(both)(stacked)
    for i, parts in enumerate(models):
        value, alone = both(parts)
        torch.testing.assert_close(values[i], value)
        for name, gradient in alone.items():
            torch.testing.assert_close(gradients[name][i], gradient)


def test_its_weight_is_its_strength_times_the_ramp(made):
    made = type(made)(strength=3.0, start=0.25, full=0.75)
    assert [made.weight(share) for share in (0.0, 0.2, 0.5, 0.75, 0.99)] == [0, 0, 1.5, 3, 3]


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("strength", [0.0, -1.0, math.inf, math.nan]),
        ("start", [-0.1, 1.0, math.nan]),
        ("full", [-0.1, 1.1, math.nan]),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(made, setting, values):
    name = type(made).__name__
    for value in values:
        with pytest.raises(ValueError, match=f"{name} needs .*{setting}.*, got {value}"):
            type(made)(**{setting: value})
