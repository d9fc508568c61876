import pytest
import torch

from clipbench.grad_clips.norm import by_norm
from clipbench.training.gradients import clip_gradients, global_norm, threshold_parameters
from tests.training.tiny import tiny_data, tiny_model


def with_gradients(*shapes):
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape)
    return parameters


def test_the_norm_is_that_of_all_elements_together():
    parameters = with_gradients((3, 4), (), (5,))
    flat = torch.cat([p.grad.flatten() for p in parameters])
    assert global_norm([p.grad for p in parameters]).item() == pytest.approx(flat.norm().item())
    assert global_norm([]).item() == 0.0


def test_without_a_gradient_clip_gradients_stay_as_they_are():
    parameters = with_gradients((3, 4))
    before = parameters[0].grad
    norm = clip_gradients(parameters, None)
    assert parameters[0].grad is before
    assert norm.item() == pytest.approx(before.norm().item())


def test_a_parameter_without_a_gradient_is_left_out():
    parameters = [*with_gradients((3, 4)), torch.nn.Parameter(torch.ones(2))]
    norm = clip_gradients(parameters, lambda g: by_norm(g, max_norm=0.5))
    assert parameters[1].grad is None
    assert parameters[0].grad.norm().item() == pytest.approx(0.5, rel=1e-4)
    assert norm.item() > 0.5, "the norm is the one before clipping"


def test_threshold_parameters_are_those_of_the_clips():
    model = tiny_model(tiny_data())
    names = {id(p): name for name, p in model.named_parameters()}
    found = [names[id(p)] for p in threshold_parameters(model)]
    assert found == ["fc1.clip.upper.raw", "fc2.clip.upper.raw"]
