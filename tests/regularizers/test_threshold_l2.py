"""L2 on thresholds against its formula in plain Python."""

import pytest
import torch

from clipbench.regularizers.base import Activation
from clipbench.regularizers.threshold_l2 import ThresholdL2

VALUES = {"a": {"upper": [1.5], "lower": [-0.5, 0.25]}, "b": {"upper": [2.0, 0.0, 1e-3]}}


def thresholds():
    return {
        site: {n: torch.tensor(v, dtype=torch.float64, requires_grad=True) for n, v in of.items()}
        for site, of in VALUES.items()
    }


def test_value_and_gradient_are_those_of_the_formula():
    found = thresholds()
    value = ThresholdL2()({}, found)
    value.backward()
    by_hand = sum(t * t for of in VALUES.values() for values in of.values() for t in values)
    assert value.item() == pytest.approx(by_hand, rel=1e-12)
    for site, of in VALUES.items():
        for name, values in of.items():
            assert found[site][name].grad.tolist() == [2 * t for t in values]


def test_activations_do_not_matter():
    y = torch.ones(2, 3)
    assert torch.equal(
        ThresholdL2()({"a": Activation(y, y)}, thresholds()), ThresholdL2()({}, thresholds())
    )
