"""What makes the comparison fair: every clip meets the same weights, order and augmentation."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.cli.assemble import assemble, load_data, shape_of
from clipbench.cli.compose import compose
from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.clips.base import sites
from clipbench.models.initialize import gain
from clipbench.training.checkpoint import build_model

CLIPS = option_names(conf_dir(), "clip")
SMALL = ["data=synthetic", "trainer.epochs=1", "trainer.device=cpu", "model.widths=[4,6]"]
AUGMENT = ["data.augment.flip=true", "data.augment.crop=2", "data.augment.cutout=3"]


def parts(*overrides: str, seed: int = 0):
    config = compose([*SMALL, *overrides]).jobs[0].config
    return assemble(config, load_data(config), seed=seed, device=torch.device("cpu"))


def before_calibration(*overrides: str, seed: int = 0):
    """Return the model whose thresholds no data has set yet: its gains scaled the weights."""
    config = compose([*SMALL, *overrides]).jobs[0].config
    return build_model(config, shape=shape_of(load_data(config)), seed=seed)


@pytest.fixture(scope="module")
def reference():
    return parts("clip=relu", *AUGMENT)


def layers(model):
    """Return the layers of the model's own, not those of a clip."""
    clips = {id(part) for clip in sites(model).values() for part in clip.modules()}
    kinds = torch.nn.Conv2d | torch.nn.Linear
    return [m for m in model.modules() if isinstance(m, kinds) and id(m) not in clips]


@pytest.mark.parametrize("clip", CLIPS)
def test_the_order_and_augmentation_do_not_depend_on_the_clip(clip, reference):
    other = parts(f"clip={clip}", *AUGMENT)
    for epoch in (0, 1):
        for (a, x), (b, y) in zip(
            reference.train_batches.epoch(epoch), other.train_batches.epoch(epoch), strict=True
        ):
            assert torch.equal(a, b)
            assert torch.equal(x, y)


@pytest.mark.parametrize("model", ["cnn", "mlp"])
@pytest.mark.parametrize("clip", CLIPS)
def test_weights_are_equal_up_to_the_declared_gain(clip, model):
    ours = parts(f"clip={clip}", f"model={model}").state.model
    shared = parts("clip=relu", f"model={model}", "model.init=shared").state.model
    fresh = sites(before_calibration(f"clip={clip}", f"model={model}")).values()
    gains = [1.0] + [gain(c, num_features=w) for c, w in zip(fresh, (4, 6), strict=True)]
    for layer, base, factor in zip(layers(ours), layers(shared), gains, strict=True):
        drawn = base.weight.double() / math.sqrt(2.0)
        assert torch.allclose(layer.weight.double(), drawn * factor, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("clip", CLIPS)
def test_under_the_shared_scheme_weights_are_equal_to_the_bit(clip):
    ours = parts(f"clip={clip}", "model.init=shared").state.model
    base = parts("clip=relu", "model.init=shared").state.model
    for layer, other in zip(layers(ours), layers(base), strict=True):
        assert torch.equal(layer.weight, other.weight)


def test_another_seed_is_another_start(reference):
    other = parts("clip=relu", *AUGMENT, seed=1)
    first, second = next(reference.train_batches.epoch(0)), next(other.train_batches.epoch(0))
    assert not torch.equal(first[1], second[1])
    weights = zip(layers(reference.state.model), layers(other.state.model), strict=True)
    assert all(not torch.equal(a.weight, b.weight) for a, b in weights)


def test_the_split_does_not_depend_on_the_seed():
    config = compose([*SMALL, "seed=0"]).jobs[0].config
    again = compose([*SMALL, "seed=5"]).jobs[0].config
    moved = compose([*SMALL, "data.split_seed=1"]).jobs[0].config
    a, b, c = load_data(config), load_data(again), load_data(moved)
    assert torch.equal(a.val.images, b.val.images)
    assert not torch.equal(a.val.images, c.val.images)
    assert torch.equal(a.test.images, c.test.images)


def test_nothing_in_a_run_draws_from_the_global_generator():
    from tests.training.tiny import tiny_data, tiny_model

    before = torch.get_rng_state()
    parts("clip=learnable", "clip.init=percentile", *AUGMENT)
    tiny_model(tiny_data(), dropout=0.5)
    assert torch.equal(torch.get_rng_state(), before)
