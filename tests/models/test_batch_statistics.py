"""Batch norm on the statistics of the batch, forgotten at once."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clipbench.models.batch_statistics import batch_statistics


def module():
    return nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.BatchNorm1d(3))


X = 5 + 3 * torch.randn(64, 3, generator=torch.Generator().manual_seed(0))


def test_the_batch_is_normalised_by_its_own_statistics():
    net = module().eval()
    assert net(X).mean() > 4
    with batch_statistics(net):
        y = net(X)
    assert y.mean(dim=0).tolist() == pytest.approx([0] * 3, abs=1e-5)
    assert y.var(dim=0, correction=0).tolist() == pytest.approx([1] * 3, rel=1e-3)


@pytest.mark.parametrize("training", [False, True])
def test_modes_and_running_statistics_are_as_before(training):
    net = module().train(training)
    net[2].eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with batch_statistics(net):
        assert net[1].training == training
        net(X)
    assert [part.training for part in net] == [training, training, False]
    assert all(part.track_running_stats for part in (net[0], net[2]))
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    if training:
        net(X)
        assert not torch.equal(net[0].running_mean, before["0.running_mean"])


def test_modes_come_back_after_an_error():
    net = module().eval()
    with pytest.raises(RuntimeError), batch_statistics(net):
        net(torch.zeros(2, 5))
    assert not net[0].training
    assert net[0].track_running_stats
