"""What model and optimizer say before a step: every way to be kept from learning is convicted."""

import pytest
import torch
from torch import nn

from clipbench.audit.finding import convicted
from clipbench.audit.training import audit_training
from clipbench.clips.base import Clip
from clipbench.clips.learnable import LearnableClip
from clipbench.clips.prelu import PReLU
from clipbench.clips.relu import ReLU
from clipbench.optim.adamw import adamw
from clipbench.optim.param_groups import param_groups
from clipbench.optim.sgd import sgd
from tests.audit.courses import Bend, OneSite


class Decaying(Bend):
    """A clip that counts on decay, as PACT does."""

    threshold_decay = "weights"


def the_one(findings):
    (finding,) = findings
    assert finding.subject in str(finding)
    assert finding.remedy in str(finding)
    return finding


@pytest.mark.parametrize("make", [adamw, sgd])
@pytest.mark.parametrize("clip", [PReLU, LearnableClip, ReLU])
def test_what_the_project_makes_is_clean(make, clip):
    model = OneSite(clip())
    assert audit_training(model, make(param_groups(model))) == []


def test_a_threshold_that_the_optimizer_does_not_hold():
    model = OneSite(PReLU())
    finding = the_one(audit_training(model, torch.optim.SGD([model.fc.weight], lr=0.1)))
    assert finding.convicts
    assert finding.subject == "fc/slope"
    assert "no group of the optimizer holds it" in finding.reason


def test_a_threshold_made_anew_after_the_optimizer():
    model = OneSite(Bend(torch.ones(())))
    optimizer = adamw(param_groups(model))
    model.fc.clip.slope = nn.Parameter(torch.ones(3))
    assert "no group" in the_one(audit_training(model, optimizer)).reason


def test_a_tensor_that_is_no_parameter():
    model = OneSite(ReLU())
    model.fc.clip.upper = torch.ones((), requires_grad=True)
    finding = the_one(audit_training(model, adamw(param_groups(model))))
    assert finding.convicts
    assert finding.subject == "fc/upper"
    assert "no registered parameter" in finding.reason
    by_hand = torch.optim.Adam([*model.parameters(), model.fc.clip.upper], lr=0.1)
    finding = the_one(audit_training(model, by_hand))
    assert not finding.convicts
    assert "nothing saves it" in finding.reason


def test_a_rate_of_zero():
    model = OneSite(PReLU())
    groups = [{"params": [model.fc.weight]}, {"params": model.fc.clip.parameters(), "lr": 0.0}]
    finding = the_one(audit_training(model, torch.optim.Adam(groups, lr=0.1)))
    assert finding.convicts
    assert "learning rate is 0" in finding.reason
    assert "a rate above 0" in finding.remedy


def test_a_rate_that_only_a_warm_up_holds_at_zero_is_clean():
    model = OneSite(PReLU())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0)
    assert audit_training(model, optimizer) == []


def test_a_parameter_without_requires_grad():
    model = OneSite(Bend(torch.ones(())))
    model.fc.clip.slope.requires_grad_(False)
    finding = the_one(audit_training(model, adamw(param_groups(model))))
    assert finding.convicts
    assert "requires_grad is False" in finding.reason


def test_decay_that_the_class_did_not_ask_for():
    model = OneSite(PReLU())
    optimizer = adamw(param_groups(model), lr=0.01, threshold_weight_decay=0.5)
    finding = the_one(audit_training(model, optimizer))
    assert not finding.convicts
    assert "0.5 % a step" in finding.reason
    assert "PReLU asks for no decay" in finding.reason
    plain = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.5)
    assert "by way of its gradient" in the_one(audit_training(model, plain)).reason


def test_decay_that_the_class_counts_on():
    model = OneSite(Decaying(torch.ones(())))
    assert audit_training(model, adamw(param_groups(model), weight_decay=0.1)) == []
    bare = adamw(param_groups(model), threshold_weight_decay=0.0)
    finding = the_one(audit_training(model, bare))
    assert not finding.convicts
    assert "does not decay" in finding.reason
    assert audit_training(model, bare, penalised=True) == []


def test_steps_that_are_lost_in_the_dtype():
    model = OneSite(Bend(torch.ones((), dtype=torch.bfloat16)))
    finding = the_one(audit_training(model, torch.optim.Adam(model.parameters(), lr=1e-3)))
    assert finding.convicts
    assert "0.001 is lost in bfloat16, which needs 0.002" in finding.reason
    assert audit_training(model, torch.optim.Adam(model.parameters(), lr=1e-2)) == []
    wide = OneSite(Bend(torch.ones(())))
    assert audit_training(wide, torch.optim.Adam(wide.parameters(), lr=1e-3)) == []


def test_a_bfloat16_threshold_that_is_convicted_does_stand_still():
    model = OneSite(Bend(torch.ones((), dtype=torch.bfloat16)))
    optimizer = torch.optim.Adam(model.fc.clip.parameters(), lr=1e-3)
    assert convicted(audit_training(model, optimizer))
    for _ in range(20):
        model.fc.clip.slope.grad = torch.ones((), dtype=torch.bfloat16)
        optimizer.step()
    assert model.fc.clip.slope.item() == 1.0


def test_some_channels_are_lost():
    model = OneSite(Bend(torch.tensor([1.0, 0.01], dtype=torch.bfloat16)))
    finding = the_one(audit_training(model, torch.optim.Adam(model.parameters(), lr=1e-3)))
    assert not finding.convicts
    assert "1 of 2 channels" in finding.reason


def test_steps_that_scale_with_the_gradient_are_left_to_a_run():
    model = OneSite(Bend(torch.ones((), dtype=torch.bfloat16)))
    assert audit_training(model, torch.optim.SGD(model.parameters(), lr=1e-9)) == []


def test_parameters_besides_the_thresholds_count_too():
    class Gated(Clip):
        def __init__(self) -> None:
            super().__init__()
            self.excite = nn.Linear(2, 2, bias=False)

    model = OneSite(Gated())
    finding = the_one(audit_training(model, torch.optim.SGD([model.fc.weight], lr=0.1)))
    assert finding.subject == "fc/excite.weight"
