"""L1 against its formula in plain Python."""

import pytest
import torch

from clipbench.regularizers.base import Activation
from clipbench.regularizers.l1 import L1

Y = [[1.0, -2.0, 0.0], [0.5, 0.0, -0.25]]
Z = [[3.0], [-1.0]]


def sites():
    y, z = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (Y, Z))
    return y, z, {"a": Activation(y.detach() * 7, y), "b": Activation(z.detach() * 7, z)}


def test_it_is_the_sum_over_sites_of_the_mean_sum_of_a_sample():
    by_hand = sum(sum(abs(v) for row in site for v in row) / len(site) for site in (Y, Z))
    assert L1()(sites()[2], {}).item() == pytest.approx(by_hand, rel=1e-12)


def test_its_gradient_is_the_sign_over_the_batch_and_zero_at_zero():
    y, z, activations = sites()
    L1()(activations, {}).backward()
    assert y.grad.tolist() == [[0.5, -0.5, 0.0], [0.5, 0.0, -0.5]]
    assert z.grad.tolist() == [[0.5], [-0.5]]
