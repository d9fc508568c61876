"""Rules on what the journal holds of a threshold, one by one, on made-up runs."""

import pytest
import torch

from clipbench.audit.movement import (
    distance,
    little_movement,
    longest_zeros,
    lost_steps,
    narrow_window,
    never_moved,
    no_gradient,
    unexplained,
    zero_gradients,
)
from clipbench.clips.threshold import Threshold
from tests.audit.courses import course

MOVING = [1.0, 1.1, 1.2, 1.3, 1.4]
ADAM = {"lr": 0.1, "betas": (0.9, 0.999), "weight_decay": 0.0}


@pytest.mark.parametrize(
    "rule", [no_gradient, zero_gradients, narrow_window, lost_steps, little_movement]
)
def test_a_threshold_that_learns_is_acquitted(rule):
    assert rule(course(MOVING, window=0.1)) is None


def test_none_is_not_zero():
    none, zero = [None] * 4, [0.0] * 4
    assert no_gradient(course(MOVING, gradients=none)).convicts
    assert zero_gradients(course(MOVING, gradients=none)) is None
    assert no_gradient(course(MOVING, gradients=zero)) is None
    finding = zero_gradients(course(MOVING, gradients=zero, window=0.0))
    assert finding.convicts
    assert "all 4 samples, its gradient window empty" in finding.reason
    assert "window" not in zero_gradients(course(MOVING, gradients=zero)).reason


@pytest.mark.parametrize(
    ("gradients", "row"),
    [([1.0, 0.0, 0.0, 0.0], 3), ([0.0, 1.0, 0.0, 0.0], None), ([0.0, 0.0, 0.0, 1.0], None)],
)
def test_a_row_of_zeros_to_the_end_is_warned_of_where_it_is_long(gradients, row):
    finding = zero_gradients(course(MOVING, gradients=gradients))
    assert (finding is None) == (row is None)
    if finding is not None:
        assert not finding.convicts
        assert f"last {row} of 4" in finding.reason


@pytest.mark.parametrize(
    ("gradients", "longest"),
    [([1.0] * 4, 0), ([0.0, 1.0, 0.0, 0.0], 2), ([0.0, 0.0, 1.0, 0.0], 2), ([None] * 4, 0)],
)
def test_the_longest_row_of_zero_gradients_is_counted(gradients, longest):
    assert longest_zeros(course(MOVING, gradients=gradients)) == longest


@pytest.mark.parametrize(
    ("window", "warned"), [(None, False), (0.0, True), (5e-5, True), (1, False)]
)
def test_a_narrow_window_is_warned_of_after_a_gradient(window, warned):
    finding = narrow_window(course(MOVING, window=window))
    assert (finding is not None) == warned
    assert finding is None or not finding.convicts
    assert narrow_window(course(MOVING, window=window, gradients=[0.0] * 4)) is None


def test_steps_lost_in_the_dtype():
    still, tiny = [1.0] * 5, [1e-8] * 4
    finding = lost_steps(course(still, gradients=tiny))
    assert finding.convicts
    assert "step, 1e-09, is lost in float32, which needs 3e-08" in finding.reason
    momentum = {"lr": 0.1, "momentum": 0.99, "weight_decay": 0.0}
    assert lost_steps(course(still, gradients=tiny, group=momentum)) is None
    assert lost_steps(course(still, gradients=tiny, group=ADAM)) is None
    assert lost_steps(course(MOVING, gradients=tiny)) is None
    assert lost_steps(course(still, gradients=[0.0] * 4)) is None
    owner = Threshold(1.0, per="layer", num_features=None, positivity="free").double()
    assert owner.raw.dtype == torch.float64
    assert lost_steps(course(still, gradients=tiny, threshold=owner)) is None


def test_little_movement_is_measured_against_the_rates():
    little = [1.0, 1.0, 1.0, 1.0, 1.003]
    finding = little_movement(course(little, rate=0.1, steps=10))
    assert not finding.convicts
    assert "0.003, of 4 that" in finding.reason
    assert little_movement(course(little, rate=0.05, steps=10)) is None
    assert little_movement(course([1.0] * 5)) is None


def test_channels_that_part_have_moved():
    apart = course([(1.0, 1.0, 1.0), (1.0, 0.5, 1.25)])
    assert distance(apart.trajectory) == 0.5
    assert not never_moved(apart.trajectory)


def test_there_and_back_is_no_standstill():
    back = course([1.0, 2.0, 1.0])
    assert distance(back.trajectory) == 0.0
    assert not never_moved(back.trajectory)
    still = course([1.0, 1.0, 1.0])
    assert never_moved(still.trajectory)
    assert "stood at 1 through 20 steps" in unexplained(still).reason
    assert unexplained(still).convicts


def test_numbers_that_are_not_finite_acquit():
    nan = float("nan")
    for rule in (zero_gradients, lost_steps, little_movement):
        assert rule(course([1.0, nan, nan], gradients=[nan, nan])) is None
