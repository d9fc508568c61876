"""The kernel's update is bit for bit that of the optimizer around it."""

import copy

import pytest
import torch

from clipbench.training.update import update_of


def parameters():
    torch.manual_seed(0)
    shapes = [(5, 3), (5,), (), (2, 3, 3, 3), (4,)]
    weights = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    weights[3].data = weights[3].data.to(memory_format=torch.channels_last)
    return weights


def optimizer_of(weights, kind=torch.optim.AdamW, **keys):
    groups = [
        {"params": weights[:2], "weight_decay": 0.1},
        {"params": weights[2:3], "lr": 0.3},
        {"params": weights[3:]},
    ]
    return kind(groups, lr=0.01, fused=True, **keys)


def give_gradients(weights, step):
    """The last weight has none until the third step; no weight has one in the fifth."""
    draw = torch.Generator().manual_seed(step)
    for place, weight in enumerate(weights):
        none = step == 5 or (place == 4 and step < 3)
        weight.grad = None if none else torch.randn(weight.shape, generator=draw)


def trained(weights, optimizer, update):
    for step in range(8):
        give_gradients(weights, step)
        for group in optimizer.param_groups:
            group["lr"] *= 0.9
        update()
    return weights


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (torch.optim.AdamW, {}),
        (torch.optim.AdamW, {"betas": (0.5, 0.9), "eps": 1e-3}),
        (torch.optim.AdamW, {"amsgrad": True}),
        (torch.optim.AdamW, {"maximize": True}),
        (torch.optim.Adam, {}),
    ],
)
def test_it_is_the_optimizers_own_step_bit_for_bit(kind, keys):
    ours, theirs = parameters(), parameters()
    optimizer, reference = optimizer_of(ours, kind, **keys), optimizer_of(theirs, kind, **keys)
    trained(ours, optimizer, update_of(optimizer))
    trained(theirs, reference, reference.step)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    found, expected = optimizer.state_dict(), reference.state_dict()
    assert found["param_groups"] == expected["param_groups"]
    assert found["state"].keys() == expected["state"].keys()
    for place, memory in expected["state"].items():
        for name, value in memory.items():
            assert value is None or torch.equal(found["state"][place][name], value)


def test_what_an_optimizer_remembers_is_gone_on_with():
    weights = parameters()
    optimizer = optimizer_of(weights)
    trained(weights, optimizer, optimizer.step)
    others = copy.deepcopy(weights)
    loaded = optimizer_of(others)
    loaded.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    trained(weights, optimizer, optimizer.step)
    trained(others, loaded, update_of(loaded))
    assert all(torch.equal(a, b) for a, b in zip(weights, others, strict=True))


def test_only_a_plain_adamw_is_replaced():
    weights = parameters()
    assert update_of(optimizer_of(weights)).__class__.__name__ == "_AdamWKernel"
    for kind, keys in [(torch.optim.AdamW, {"amsgrad": True}), (torch.optim.Adam, {})]:
        optimizer = optimizer_of(weights, kind, **keys)
        assert update_of(optimizer) == optimizer.step
