"""The contract and the search for sites."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clipbench.clips.base import Clip, sites
from clipbench.clips.learnable import LearnableClip
from clipbench.clips.relu import ReLU


class Unit(nn.Module):
    def __init__(self, clip):
        super().__init__()
        self.clip = clip


def test_sites_are_the_owners_of_clips_in_registration_order():
    model = nn.Module()
    model.conv2 = Unit(ReLU())
    model.block = nn.Sequential(Unit(LearnableClip()), Unit(nn.ReLU()), nn.Linear(1, 1))
    model.conv1 = Unit(ReLU())
    assert list(sites(model)) == ["conv2", "block.0", "conv1"]
    assert sites(model)["block.0"] is model.block[0].clip


def test_a_model_may_own_a_clip_itself_and_a_bare_clip_has_no_site():
    clip = ReLU()
    assert sites(Unit(clip)) == {"": clip}
    assert sites(clip) == {}


def test_a_clip_without_thresholds_has_nothing_to_mark_project_or_calibrate():
    clip, x = ReLU(num_features=2), torch.randn(3, 2)
    clip.project()
    clip.calibrate(x)
    assert (clip.thresholds(), clip.window(x)) == ({}, {})
    assert clip.saturated(x).dtype == torch.bool
    assert not clip.saturated(x).any()


def test_a_clip_must_say_what_it_does():
    with pytest.raises(NotImplementedError, match="Clip has no forward"):
        Clip()(torch.zeros(1, 1))


@pytest.mark.parametrize("num_features", [0, -3])
def test_num_features_must_be_positive(num_features):
    with pytest.raises(ValueError, match=f"ReLU needs num_features >= 1, got {num_features}"):
        ReLU(num_features=num_features)


def test_num_features_is_a_keyword():
    # torch's own activations would take 64 for a slope or for in-place, and say nothing.
    with pytest.raises(TypeError):
        ReLU(64)
