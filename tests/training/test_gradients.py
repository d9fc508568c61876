from __future__ import annotations

import copy

import pytest
import torch

from clipbench.clips.learnable import LearnableClip
from clipbench.grad_clips.agc import AGC
from clipbench.grad_clips.autoclip import AutoClip
from clipbench.grad_clips.base import Weight
from clipbench.grad_clips.norm import ByNorm
from clipbench.grad_clips.zclip import ZClip
from clipbench.training.gradients import (
    clip_gradients,
    global_norm,
    labelled_weights,
    threshold_parameters,
)
from tests.training.tiny import tiny_batches, tiny_data, tiny_model, tiny_run, tiny_state


def with_gradients(*shapes):
    torch.manual_seed(0)
    weights = [Weight(torch.nn.Parameter(torch.ones(shape)), "weights") for shape in shapes]
    for weight in weights:
        weight.value.grad = torch.randn(weight.value.shape)
    return weights


def kinds_of(model):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(weight.value)]: weight.kind for weight in labelled_weights(model)}


def test_the_norm_is_that_of_all_elements_together():
    gradients = [weight.value.grad for weight in with_gradients((3, 4), (), (5,))]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    assert global_norm(gradients).item() == pytest.approx(flat.norm().item())
    assert global_norm([]).item() == 0.0


def test_a_parameter_without_a_gradient_is_left_out():
    bare = Weight(torch.nn.Parameter(torch.ones(2)), "thresholds")
    weights = [bare, *with_gradients((3, 4))]
    clip_gradients(weights, ByNorm(max_norm=0.5), state={})
    assert bare.value.grad is None
    assert weights[1].value.grad.norm().item() == pytest.approx(0.5, rel=1e-4)


def test_each_gradient_meets_its_own_parameter_and_no_graph_is_made():
    # The one without a gradient would shift the pairs, if it were not left out of both.
    small, large = (torch.nn.Parameter(torch.full((1, 2), size)) for size in (1.0, 1000.0))
    weights = [Weight(torch.nn.Parameter(torch.ones(2, 2)), "weights")]
    weights += [Weight(small, "weights"), Weight(large, "weights")]
    for parameter in (small, large):
        parameter.grad = torch.tensor([[3.0, 4.0]])
    clip_gradients(weights, AGC(clipping=0.01), state={})
    assert small.grad.norm().item() == pytest.approx(0.01 * 2**0.5)
    assert large.grad.norm().item() == pytest.approx(5.0)
    assert not small.grad.requires_grad


def test_the_state_goes_in_and_comes_out():
    weights = with_gradients((3, 4))
    clip = AutoClip()
    state = clip.init(total_steps=3)
    norm = global_norm([weights[0].value.grad])
    after = clip_gradients(weights, clip, state=state)
    assert after["norms"][0] == norm
    assert state["norms"].isinf().all(), "the old state is left alone"


def test_threshold_parameters_are_those_of_the_clips():
    model = tiny_model(tiny_data())
    names = {id(p): name for name, p in model.named_parameters()}
    found = [names[id(p)] for p in threshold_parameters(model)]
    assert found == ["fc1.clip.upper.raw", "fc2.clip.upper.raw"]


def test_the_place_of_a_parameter_decides_its_kind():
    assert kinds_of(tiny_model(tiny_data(), batch_norm=True)) == {
        "fc1.linear.weight": "weights",
        "fc1.norm.weight": "biases",
        "fc1.norm.bias": "biases",
        "fc1.clip.upper.raw": "thresholds",
        "fc2.linear.weight": "weights",
        "fc2.norm.weight": "biases",
        "fc2.norm.bias": "biases",
        "fc2.clip.upper.raw": "thresholds",
        "head.weight": "head",
        "head.bias": "head",
    }


def test_a_threshold_in_the_head_is_a_threshold_and_a_model_needs_no_head():
    class Site(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(2, 2)
            self.clip = LearnableClip(num_features=2)

    model = torch.nn.Module()
    model.head = Site()
    assert kinds_of(model) == {
        "head.linear.weight": "head",
        "head.linear.bias": "head",
        "head.clip.upper.raw": "thresholds",
    }
    assert set(kinds_of(Site()).values()) == {"weights", "biases", "thresholds"}


@pytest.mark.parametrize("clip", [AutoClip(percentile=30.0), ZClip(warmup_steps=3)], ids=repr)
def test_a_run_that_is_restored_goes_on_with_the_same_history(clip, tmp_path):
    saved = []

    def save(state, **_):
        saved.append(copy.deepcopy(state.state_dict()))

    whole = tiny_run(tmp_path / "whole", grad_clip=clip, save=save)
    data = tiny_data()
    total_steps = 2 * tiny_batches(data).steps_per_epoch
    state = tiny_state(tiny_model(data, seed=5), total_steps=total_steps, grad_clip=clip)
    state.load_state_dict(saved[1])  # the end of the first epoch
    assert state.epoch == 1
    restored = tiny_run(tmp_path / "restored", grad_clip=clip, state=state)
    for name, value in whole.grad_clip_state.items():
        assert torch.equal(restored.grad_clip_state[name], value)
    pairs = zip(whole.model.parameters(), restored.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    forgetful = tiny_state(tiny_model(data, seed=5), total_steps=total_steps, grad_clip=clip)
    forgetful.load_state_dict(saved[1] | {"grad_clip_state": clip.init(total_steps=total_steps)})
    other = tiny_run(tmp_path / "other", grad_clip=clip, state=forgetful)
    pairs = zip(whole.model.parameters(), other.model.parameters(), strict=True)
    assert not all(torch.equal(a, b) for a, b in pairs), "the history matters"
