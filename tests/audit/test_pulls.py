"""What holds or moves a threshold besides its gradient."""

import math

import pytest
import torch

from clipbench.audit.pulls import at_the_end_of_its_domain, domain_ends, pulled_by_decay
from clipbench.clips.positivity import MAPS
from clipbench.clips.threshold import Threshold
from tests.audit.courses import course


def threshold(positivity="project", init=0.5):
    return Threshold(init, per="layer", num_features=None, positivity=positivity)


def decaying(decay, **keys):
    return {"lr": 0.1, "weight_decay": decay, **keys}


@pytest.mark.parametrize("positivity", MAPS)
def test_a_projected_threshold_is_at_an_end(positivity):
    owner = threshold(positivity)
    low, high = owner.domain
    for beyond in (low - 1, high + 1):
        with torch.no_grad():
            owner.raw.fill_(beyond)
        owner.project()
        value = owner.value().item()
        held = course([0.5, value, value], threshold=owner)
        assert at_the_end_of_its_domain(held).convicts
        assert value in domain_ends(owner)
    assert at_the_end_of_its_domain(course([0.5, 0.6, 0.7], threshold=owner)) is None


def test_hits_are_counted_and_the_start_is_none():
    owner = threshold()
    finding = at_the_end_of_its_domain(course([0.1, 1e-3, 0.2, 1e-3], threshold=owner))
    assert not finding.convicts
    assert "2 of 3 samples" in finding.reason
    assert at_the_end_of_its_domain(course([1e-3, 0.1], threshold=owner)) is None


def test_one_channel_at_an_end_is_no_standstill():
    owner = threshold()
    some = [(0.5, 0.1, 1.0), (0.5, 1e-3, 1.0)]
    assert not at_the_end_of_its_domain(course(some, threshold=owner)).convicts
    every = [(0.5, 0.1, 1.0), (1e-3, 1e-3, 1e-3)]
    assert at_the_end_of_its_domain(course(every, threshold=owner)).convicts


def test_decay_alone_is_convicted():
    shrunk = 0.25 * (1 - 0.1 * 0.5) ** 20
    alone = course([0.25, 0.15, shrunk], group=decaying(0.5), threshold=threshold("free"))
    finding = pulled_by_decay(alone)
    assert finding.convicts
    assert "decay pulls it to 0" in finding.reason
    assert f"{1 - shrunk / 0.25:.0%} off" in finding.reason


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (0.3, "it grew"),
        (-0.1, "it changed its sign"),
        (0.24, "it was held against the decay"),
        (0.25 * 0.95 ** (20 * 2.1), "decay is less than half of it"),
        (float("nan"), "it is no number"),
    ],
)
def test_what_decay_did_not_do_is_not_its_fault(end, why):
    led = course([0.25, 0.2, end], group=decaying(0.5), threshold=threshold("free"))
    assert pulled_by_decay(led) is None, why


def test_decay_that_is_weak_absent_or_asked_for_is_acquitted():
    values, owner = [0.25, 0.2, 0.1], threshold("free")
    assert pulled_by_decay(course(values, group=decaying(0.5), threshold=owner)) is not None
    assert pulled_by_decay(course(values, group=decaying(0.04), threshold=owner)) is None
    assert pulled_by_decay(course(values, group=decaying(0.0), threshold=owner)) is None
    asked = course(values, group=decaying(0.5), threshold=owner, wants_decay=True)
    assert pulled_by_decay(asked) is None


def test_momentum_multiplies_decay():
    values, owner = [0.25, 0.2, 0.1], threshold("free")
    strong = decaying(0.06, momentum=0.9)
    assert pulled_by_decay(course(values, group=decaying(0.06), threshold=owner)) is None
    assert pulled_by_decay(course(values, group=strong, threshold=owner)) is not None


def test_decay_of_a_map_pulls_to_its_value_at_zero():
    owner = threshold("exp", init=4.0)
    end = math.exp(math.log(4.0) * (1 - 0.1 * 0.5) ** 20)
    finding = pulled_by_decay(course([4.0, 2.0, end], group=decaying(0.5), threshold=owner))
    assert "decay pulls it to 1:" in finding.reason


def test_a_parameter_of_ones_own_is_left_alone():
    made = course([0.25, 0.1], group=decaying(0.5))
    bare = type(made)(**{**vars(made), "threshold": None})
    assert at_the_end_of_its_domain(bare) is None
    assert pulled_by_decay(bare) is None
