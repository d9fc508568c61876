"""Tensors that look learned and are not."""

import torch
from torch import nn

from clipbench.audit.loose import loose_tensors


def wanting() -> torch.Tensor:
    return torch.ones((), requires_grad=True)


def test_attributes_containers_and_buffers_are_looked_through():
    module = nn.Module()
    module.inner = nn.Module()
    module.inner._hidden = wanting()
    module.listed = [wanting(), nn.Parameter(torch.ones(()))]
    module.named = {"low": wanting()}
    module.register_buffer("kept", wanting())
    found = dict(loose_tensors(module))
    assert found.keys() == {"inner._hidden", "listed.0", "listed.1", "named.low", "kept"}
    assert found["listed.1"] is module.listed[1]


def test_parameters_plain_numbers_and_leftovers_of_a_pass_are_none():
    module = nn.Linear(2, 2)
    module.constant = torch.ones(3)
    module.register_buffer("mean", torch.ones(3))
    module.last = module(torch.ones(1, 2))
    module.tied = [module.weight]
    assert list(loose_tensors(module)) == []
