import math

import pytest
import torch

from clipbench.clips.ft_clipact import FTClipAct
from clipbench.clips.learnable import LearnableClip
from clipbench.clips.ranger import Ranger
from clipbench.training.bounds import awaits_bounds, set_bounds
from tests.training.tiny import tiny_data, tiny_model, tiny_ordered

KINDS = [Ranger, FTClipAct]


def all_images(batches):
    return torch.cat([images for images, _ in batches])


@pytest.mark.parametrize("kind", KINDS)
def test_the_bounds_are_the_largest_outputs_over_the_training_part(kind):
    data = tiny_data()
    model = tiny_model(data, make_clip=kind)
    batches = tiny_ordered(data, "train")
    assert awaits_bounds(model)
    set_bounds(model, batches)
    hidden = model.fc1.linear(all_images(batches).flatten(1)).relu()
    assert torch.allclose(model.fc1.clip.upper, hidden.max())
    assert torch.allclose(model.fc2.clip.upper, model.fc2.linear(hidden).relu().max())
    assert model.fc1.clip.thresholds()["upper"].item() < math.inf


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_model_says_of_training_images_stays_to_the_last_bit(kind):
    data = tiny_data()
    model = tiny_model(data, make_clip=kind, batch_norm=True, dropout=0.5).eval()
    batches = tiny_ordered(data, "train")
    before = [model(images) for images, _ in batches]
    set_bounds(model, batches)
    for (images, _), expected in zip(batches, before, strict=True):
        assert torch.equal(model(images), expected)
    far = 100 * all_images(batches)
    assert model.fc1.clip(model.fc1.linear(far.flatten(1))).max() <= model.fc1.clip.upper


@pytest.mark.parametrize("mode", [True, False])
def test_only_the_bounds_change_and_no_hook_stays(mode):
    data = tiny_data()
    model = tiny_model(data, make_clip=Ranger, batch_norm=True, dropout=0.5).train(mode)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rng = torch.get_rng_state()
    set_bounds(model, tiny_ordered(data, "train"))
    changed = {
        name for name, value in model.state_dict().items() if not torch.equal(before[name], value)
    }
    assert changed == {"fc1.clip.upper", "fc2.clip.upper"}
    assert model.training is mode
    assert torch.equal(torch.get_rng_state(), rng)
    assert not any(module._forward_hooks for module in model.modules())


def test_setting_them_twice_changes_nothing():
    data = tiny_data()
    model = tiny_model(data, make_clip=Ranger)
    batches = tiny_ordered(data, "train")
    set_bounds(model, batches)
    first = model.fc1.clip.upper.item()
    set_bounds(model, batches)
    assert model.fc1.clip.upper.item() == first


def test_other_clips_await_nothing():
    assert not awaits_bounds(tiny_model(tiny_data(), make_clip=LearnableClip))


def test_no_image_is_an_error_and_leaves_the_model_as_it_was():
    model = tiny_model(tiny_data(), make_clip=Ranger).train()
    with pytest.raises(ValueError, match="at least one output of each site, got none of fc1, fc2"):
        set_bounds(model, [])
    assert model.training
    assert model.fc1.clip.upper.item() == math.inf
