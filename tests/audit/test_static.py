"""The verdict on modules that are broken on purpose, each with its reason, and on good ones."""

from __future__ import annotations

import re
from functools import partial

import pytest

from clipbench.audit.static import audit_gradients, audit_module
from clipbench.clips.learnable import LearnableClip
from clipbench.clips.masked import MaskedClip
from clipbench.clips.published_mask import PublishedMask
from clipbench.clips.relu import ReLU
from tests.audit import broken

CONVICTED = [
    (broken.MadeInForward, "NO_GRADIENT", "it is made in forward"),
    (broken.PlainTensor, "NO_GRADIENT", "wants a gradient but is no parameter"),
    (broken.Compared, "NO_GRADIENT", "it only feeds a comparison"),
    (broken.BehindSign, "ZERO_ALMOST_EVERYWHERE", "zero at every input: it sits behind a step"),
    (broken.MissingChainFactor, "WRONG", "its gradient is 0.497 times the derivative"),
    (broken.WrongSign, "WRONG", "its gradient is not the derivative .*cosine .* -1.00"),
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


def test_a_bfloat16_parameter_is_convicted_because_it_stands_still():
    report = audit_module(broken.Bfloat16)
    assert report.verdict == "EXACT"
    (finding,) = [f for f in report.findings if f.convicts]
    assert finding.reason.startswith("in bfloat16 a step of 0.001 is lost, it needs 2.0e-03")
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


def test_it_asks_for_as_many_features_as_the_clip_was_made_for():
    make = partial(MaskedClip, num_features=40, mask="channels", channels=[39])
    assert audit_module(make).verdict == "EXACT"
