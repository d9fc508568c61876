"""A width: constant, or geometric over a run, and what saves and moves it."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.sigmoid_gate import SigmoidGate
from clipbench.clips.width import Width, annealed


def test_it_runs_geometrically_from_start_to_end():
    width = Width(0.8, end=0.05)
    for progress in (0.0, 0.25, 0.5, 1.0):
        width.anneal(progress)
        expected = math.exp((1 - progress) * math.log(0.8) + progress * math.log(0.05))
        assert width.now.item() == pytest.approx(expected)


def test_one_without_an_end_stays():
    width = Width(0.3)
    width.anneal(0.7)
    assert width.now.item() == pytest.approx(0.3)
    assert not width.changes


def test_it_is_no_parameter_and_a_saved_state_keeps_where_it_is():
    width, fresh = Width(1.0, end=0.1), Width(1.0, end=0.1)
    width.anneal(0.5)
    fresh.load_state_dict(width.state_dict())
    assert torch.equal(fresh.now, width.now)
    assert list(width.parameters()) == []


def test_it_is_never_below_float32():
    width = Width(0.3).bfloat16()
    assert width.now.dtype == torch.float32
    assert width.for_input(torch.zeros(2, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert Width(0.3).double().now.dtype == torch.float64


def test_only_widths_that_change_are_found():
    assert annealed(SigmoidGate()) == []
    gate = SigmoidGate(temperature_end=0.01)
    assert annealed(gate) == [gate.temperature]


@pytest.mark.parametrize(
    "wrong", [{"start": 0.0}, {"start": math.inf}, {"start": 1.0, "end": -1.0}]
)
def test_a_width_that_is_not_positive_and_finite_is_refused(wrong):
    with pytest.raises(ValueError, match="Width needs 0 <"):
        Width(**wrong)
