"""The laws of every gradient clip in ``conf/grad_clip``."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
import torch
import yaml
from torch.func import vmap

FOLDER = Path(__file__).parents[2] / "conf" / "grad_clip"
NODES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
SHAPES = ((4, 3), (5,), ())


@pytest.fixture(params=NODES)
def clip(request):
    settings = dict(NODES[request.param])
    module, name = settings.pop("_target_").rsplit(".", 1)
    return partial(getattr(import_module(module), name), **settings)


def gradients_of(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(shape, generator=generator) for shape in SHAPES]


def test_its_yaml_shows_every_setting(clip):
    assert list(signature(clip.func).parameters) == ["gradients", *clip.keywords]


def test_it_gives_a_new_list_and_leaves_the_old_gradients_alone(clip):
    gradients = gradients_of(0, 10.0)
    before = [g.clone() for g in gradients]
    answer = clip(gradients)
    assert [g.shape for g in answer] == [g.shape for g in gradients]
    assert all(torch.equal(a, b) for a, b in zip(gradients, before, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_dtypes_are_kept(clip, dtype):
    answer = clip([g.to(dtype) for g in gradients_of(0, 10.0)])
    assert {g.dtype for g in answer} == {dtype}


def test_under_vmap_each_seed_is_clipped_by_its_own_gradients(clip):
    # One seed far above any bound and one far below: clipping them together would show.
    seeds = [gradients_of(0, 10.0), gradients_of(1, 1e-3), gradients_of(2, 1.0)]
    together = vmap(clip)([torch.stack(same) for same in zip(*seeds, strict=True)])
    for i, gradients in enumerate(seeds):
        for stacked, alone in zip(together, clip(gradients), strict=True):
            torch.testing.assert_close(stacked[i], alone)
