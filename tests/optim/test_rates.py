import pytest
import torch
from torch import nn

from clipbench.optim.rates import with_rates

KINDS = [
    ("weights", "weights"),
    ("biases", "none"),
    ("thresholds", "none"),
    ("thresholds", "weights"),
]


def groups():
    return [
        {"params": [nn.Parameter(torch.ones(1))], "role": role, "decay": decay}
        for role, decay in KINDS
    ]


def rated(**changed):
    keys = {"lr": 0.1, "weight_decay": 0.01, "threshold_lr_scale": 1.0}
    return with_rates(groups(), **{**keys, "threshold_weight_decay": None, **changed})


def column(groups, key):
    return [group[key] for group in groups]


def test_by_default_each_threshold_follows_its_clip():
    assert column(rated(), "weight_decay") == [0.01, 0.0, 0.0, 0.01]
    assert column(rated(), "role") == [role for role, _ in KINDS]


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_a_decay_given_for_thresholds_holds_for_all_of_them_and_zero_is_given(decay):
    decays = column(rated(threshold_weight_decay=decay), "weight_decay")
    assert decays == [0.01, 0.0, decay, decay]


def test_the_scale_is_the_thresholds_only():
    groups = rated(threshold_lr_scale=10.0)
    assert column(groups, "lr") == pytest.approx([0.1, 0.1, 1.0, 1.0])
    assert column(groups, "initial_lr") == column(groups, "lr")


def test_parameters_are_passed_on_and_the_labelled_groups_stay_as_they_are():
    labelled = groups()
    result = with_rates(
        labelled, lr=1.0, weight_decay=1.0, threshold_lr_scale=1.0, threshold_weight_decay=None
    )
    for before, after in zip(labelled, result, strict=True):
        assert before.keys() == {"params", "role", "decay"}
        assert after["params"][0] is before["params"][0]
