"""Probes see every clip's inputs and outputs, and leave no trace."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from clipbench.clips.base import Clip
from clipbench.probes.observe import Probe, observe


class _Keep(Probe):
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.seen: list[tuple[str, Clip, Tensor, Tensor]] = []
        self.pooled: list[tuple[str, Tensor]] = []

    def update(self, site: str, clip: Clip, inputs: Tensor, outputs: Tensor) -> None:
        assert not torch.is_grad_enabled()
        self.seen.append((site, clip, inputs, outputs))

    def update_pooled(self, site: str, outputs: Tensor) -> None:
        assert not torch.is_grad_enabled()
        self.pooled.append((site, outputs))

    def compute(self) -> dict[str, float]:
        return {"n": float(len(self.seen))}


class _Fail(_Keep):
    def update(self, site: str, clip: Clip, inputs: Tensor, outputs: Tensor) -> None:
        raise KeyError(site)


def _hooks(model: nn.Module) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()
    )


def test_every_clip_is_seen_in_forward_order(net: Any, images: Tensor, seen: Any) -> None:
    probe = _Keep()
    with observe(net, [probe]):
        net(images)
    assert [site for site, *_ in probe.seen] == ["conv1", "conv2", "hidden"]
    for site, clip, inputs, outputs in probe.seen:
        assert clip is net.get_submodule(site).clip
        assert torch.equal(inputs, torch.from_numpy(seen[site].inputs))
        assert torch.equal(outputs, torch.from_numpy(seen[site].outputs))
        assert not inputs.requires_grad
        assert not outputs.requires_grad


def test_pooling_is_seen_only_where_something_is_pooled(net: Any, images: Tensor) -> None:
    probe = _Keep()
    with observe(net, [probe]):
        net(images)
    ((site, outputs),) = probe.pooled
    assert site == "conv1"
    assert torch.equal(outputs, net.conv1(images))


def test_the_model_gives_the_same_with_probes(net: Any, images: Tensor) -> None:
    plain = net(images)
    with observe(net, [_Keep()]):
        watched = net(images)
    assert torch.equal(watched, plain)
    assert watched.requires_grad


def test_hooks_are_gone_after_the_block(net: Any, images: Tensor) -> None:
    probe = _Keep()
    with observe(net, [probe]):
        assert _hooks(net) == 4
    assert _hooks(net) == 0
    net(images)
    assert probe.seen == []


@pytest.mark.parametrize("where", ["probe", "block"])
def test_hooks_are_gone_after_an_error(net: Any, images: Tensor, where: str) -> None:
    probe = _Fail() if where == "probe" else _Keep()
    with pytest.raises(KeyError), observe(net, [probe]):
        raise KeyError if where == "block" else net(images)
    assert _hooks(net) == 0


def test_hooks_are_gone_if_one_cannot_be_set(net: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr(net.hidden.clip, "register_forward_hook", refuse)
    with pytest.raises(KeyError), observe(net, [_Keep()]):
        pass
    assert _hooks(net) == 0


def test_each_block_begins_afresh(net: Any, images: Tensor) -> None:
    probe = _Keep()
    for _ in range(2):
        with observe(net, [probe]):
            net(images)
    assert len(probe.seen) == 3


def test_training_mode_is_refused(net: Any, images: Tensor) -> None:
    net.train()
    with pytest.raises(RuntimeError, match="conv1 in training mode"), observe(net, [_Keep()]):
        net(images)
    assert _hooks(net) == 0


def test_the_state_dict_is_not_touched(net: Any, images: Tensor) -> None:
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with observe(net, [_Keep()]):
        net(images)
    after = net.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_model_without_sites_can_be_observed() -> None:
    probe = _Keep()
    with observe(nn.Linear(2, 2), [probe]):
        pass
    assert probe.compute() == {"n": 0.0}
