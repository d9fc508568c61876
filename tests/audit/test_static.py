"""The verdict on modules that are broken on purpose, each with its reason, and on good ones."""

from __future__ import annotations

import re
from functools import partial

import pytest
import torch

from clipbench.audit.static import audit_gradients, audit_module
from clipbench.clips.cst import CST
from clipbench.clips.fitrelu import FitReLU
from clipbench.clips.learnable import LearnableClip
from clipbench.clips.masked import MaskedClip
from clipbench.clips.published_mask import PublishedMask
from clipbench.clips.relu import ReLU
from clipbench.clips.srelu import SReLU
from clipbench.clips.tqt import TQT
from tests.audit import broken

CONVICTED = [
    (broken.MadeInForward, "NO_GRADIENT", "it is made in forward"),
    (broken.PlainTensor, "NO_GRADIENT", "wants a gradient but is no parameter"),
    (broken.Compared, "NO_GRADIENT", "it only feeds a comparison"),
    (broken.BehindSign, "ZERO_ALMOST_EVERYWHERE", "zero at every input: it sits behind a step"),
    (broken.MissingChainFactor, "WRONG", "its gradient is 0.497 times the derivative"),
    (broken.WrongSign, "WRONG", "its gradient is not the derivative .*cosine .* -1.00"),
    (broken.ChannelsMixedUp, "WRONG", "its gradient is 0.9.* times the derivative"),
    (broken.WithoutEffect, "ZERO_ALMOST_EVERYWHERE", "neither the output nor its gradient"),
]
ACQUITTED = [
    (broken.WritesOnInput, "EXACT"),
    (broken.Remembers, "EXACT"),
    (broken.Drops, "EXACT"),
    (broken.Refuses, "EXACT"),
    (broken.ZeroPoint, "SURROGATE"),
    (broken.Frozen, "FIXED"),
]


@pytest.mark.parametrize(("kind", "verdict", "reason"), CONVICTED)
def test_a_broken_module_is_convicted_with_the_right_reason(kind, verdict, reason):
    report = audit_gradients(kind)
    assert report.verdict == verdict
    assert report.convicts
    (finding,) = report.findings
    assert finding.subject == "upper"
    assert finding.convicts
    assert re.search(reason, finding.reason)
    assert finding.remedy


@pytest.mark.parametrize("log_upper", [-1.0, 0.0, 0.3])
def test_a_missing_chain_factor_is_convicted_where_it_happens_to_be_one_too(log_upper):
    # exp has slope one at zero: a threshold of one, where many start, hides the mistake there.
    report = audit_gradients(partial(broken.MissingChainFactor, log_upper))
    assert report.verdict == "WRONG"
    (finding,) = report.findings
    assert re.search(r"its gradient is \S+ times the derivative", finding.reason)
    assert "is 1 times" not in finding.reason


@pytest.mark.parametrize(("kind", "verdict"), ACQUITTED)
def test_a_module_with_a_right_gradient_is_acquitted_whatever_its_other_habits(kind, verdict):
    report = audit_module(kind)
    assert report.verdict == verdict
    assert not report.convicts


@pytest.mark.parametrize(
    ("kind", "init"),
    [(LearnableClip, 1e-3), (LearnableClip, 1000.0), (CST, 100.0), (FitReLU, 100.0)],
)
def test_the_verdict_does_not_depend_on_the_first_value(kind, init):
    report = audit_gradients(partial(kind, num_features=4, init=init))
    assert report.verdict == report.expected == "EXACT"


@pytest.mark.parametrize("init", [0.6, 0.9, 1.0, 1.9])
def test_a_rounded_exponent_is_a_surrogate_between_its_jumps_too(init):
    assert audit_gradients(partial(TQT, num_features=4, init=init)).verdict == "SURROGATE"


def test_a_threshold_that_no_input_reaches_is_said_to_change_nothing():
    (finding,) = audit_gradients(partial(LearnableClip, init=2e4)).findings
    assert (
        finding.reason == "neither the output nor its gradient changes with it, at any input tried"
    )


def test_a_module_that_refuses_values_is_warned_of():
    reasons = [finding.reason for finding in audit_module(broken.Refuses).findings]
    assert "at -1 forward raises AssertionError (upper must be positive)" in reasons


def test_a_bfloat16_parameter_is_convicted_because_it_stands_still():
    report = audit_module(broken.Bfloat16)
    assert report.verdict == "EXACT"
    (finding,) = [f for f in report.findings if f.convicts]
    assert finding.reason.startswith(
        "it is bfloat16, in which a step of 0.001 is lost, it needs 2.0e-03"
    )
    assert finding.remedy == "keep it in float32"


def test_a_float32_parameter_is_only_warned_of_bfloat16():
    report = audit_module(broken.Naive)
    warned = [f.reason for f in report.findings if "bfloat16" in f.reason]
    assert warned
    assert not report.convicts


def test_a_threshold_without_a_domain_is_warned_of_its_collapse():
    reasons = [finding.reason for finding in audit_module(broken.Naive).findings]
    assert "at -1 every input gives -1" in reasons


def test_a_straight_through_gradient_is_a_surrogate_with_a_small_bias():
    (report,) = audit_gradients(broken.StraightThrough).gradients
    assert report.verdict == "SURROGATE"
    assert 0 < report.bias < 0.5
    assert report.cosine > 0.9


def test_a_good_clip_has_no_finding_at_all():
    report = audit_module(partial(LearnableClip, num_features=4))
    assert (report.verdict, report.expected) == ("EXACT", "EXACT")
    assert not report.findings
    assert not report.surprises
    assert {row.positivity for row in report.chains} == {
        *("project", "abs", "softplus", "exp", "square")
    }


def test_nothing_to_learn_is_fixed():
    report = audit_module(partial(ReLU, num_features=4))
    assert report.verdict == report.expected == "FIXED"
    assert not report.gradients
    assert not report.findings


def test_a_clip_that_is_worse_than_it_declares_is_a_surprise():
    class Boastful(PublishedMask):
        verdict = "EXACT"

    report = audit_gradients(Boastful)
    assert report.verdict == "NO_GRADIENT"
    assert report.surprises


def test_a_formula_that_does_not_fit_is_wrong():
    class Misprinted(LearnableClip):
        def slopes(self, x):
            return {"upper": 2 * super().slopes(x)["upper"]}

    (report,) = audit_gradients(Misprinted).gradients
    assert report.verdict == "WRONG"
    assert report.formula == pytest.approx(0.5)


def test_a_path_across_the_other_threshold_convicts_nobody():
    assert audit_gradients(partial(SReLU, init=0.05)).verdict == "EXACT"


def test_a_threshold_that_another_parameter_idles_is_warned_of_and_not_convicted():
    # Above the upper threshold the line goes straight on, until its slope has moved.
    report = audit_module(partial(SReLU, upper_slope=1.0))
    assert report.verdict == "EXACT"
    assert not report.convicts
    (finding,) = report.findings
    assert finding.subject == "upper"
    assert "nothing changes with it until another parameter has moved" in finding.reason


def test_a_parameter_without_effect_is_convicted_beside_one_with_an_effect():
    class Beside(broken.WithoutEffect):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, x):
            return self.scale * super().forward(x)

    report = audit_gradients(Beside)
    assert report.verdict == "ZERO_ALMOST_EVERYWHERE"
    (finding,) = report.findings
    assert (finding.subject, finding.convicts) == ("upper", True)


def test_a_module_that_takes_maps_only_is_given_maps():
    class PerMap(broken.Scalar):
        def forward(self, x):
            return torch.minimum(x, self.upper) + 0 * x.mean(dim=(2, 3), keepdim=True)

    assert audit_module(PerMap).verdict == "EXACT"


def test_it_asks_for_as_many_features_as_the_clip_was_made_for():
    make = partial(MaskedClip, num_features=40, mask="channels", channels=[39])
    assert audit_module(make).verdict == "EXACT"
