"""AutoClip against numpy's percentile of a plain list of norms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipbench.grad_clips.autoclip import AutoClip, percentile_of

PERCENTILES = [0.0, 10.0, 37.5, 90.0, 100.0]


def norms_after(clip, norms, *, room):
    """Give the norm after clipping at each step, where the gradients have these norms."""
    state, after = clip.init(total_steps=room), []
    direction = torch.tensor([0.6, 0.8], dtype=torch.float64)
    for norm in norms:
        (answer,), state = clip([norm * direction], weights=[], state=state)
        after.append(answer.norm().item())
    return after


def slow(norms, percentile, *, room):
    after = []
    for step, norm in enumerate(norms):
        history = norms[: step + 1][-room:]
        after.append(norm * min(1.0, np.percentile(history, percentile) / (norm + 1e-6)))
    return after


@pytest.mark.parametrize("percentile", PERCENTILES)
@pytest.mark.parametrize("room", [1, 2, 30, 31, 100])
def test_it_equals_numpy_over_the_history(percentile, room):
    # With less room than steps, the oldest norms make way.
    norms = np.random.default_rng(0).lognormal(0.0, 1.0, size=31).tolist()
    found = norms_after(AutoClip(percentile=percentile), norms, room=room)
    assert found == pytest.approx(slow(norms, percentile, room=room), rel=1e-5)


@settings(deadline=None, max_examples=100)
@given(
    values=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=40),
    free=st.integers(0, 5),
    percentile=st.floats(0.0, 100.0),
)
def test_the_percentile_is_numpys_and_free_places_do_not_count(values, free, percentile):
    history = torch.tensor([*values, *[math.inf] * free], dtype=torch.float64)
    found = percentile_of(history, percentile).item()
    assert found == pytest.approx(np.percentile(values, percentile), rel=1e-6)


def test_norms_that_are_not_finite_are_left_out():
    history = torch.tensor([2.0, math.nan, 4.0, math.inf])
    assert percentile_of(history, 50.0).item() == 3.0


def test_the_first_step_is_its_own_percentile():
    assert norms_after(AutoClip(), [7.0], room=5) == pytest.approx([7.0], rel=1e-6)


def test_a_steady_norm_is_left_and_a_spike_is_cut_to_it():
    after = norms_after(AutoClip(percentile=50.0), [2.0] * 9 + [200.0], room=10)
    assert after == pytest.approx([2.0] * 10, rel=1e-5)


def test_the_history_holds_the_norms_before_clipping():
    # Otherwise a low percentile would draw the norms down, step by step.
    clip = AutoClip(percentile=0.0)
    state = clip.init(total_steps=3)
    for norm in (5.0, 3.0, 4.0):
        _, state = clip([torch.tensor(norm)], weights=[], state=state)
    assert state["norms"].tolist() == [5.0, 3.0, 4.0]
    assert state["steps"].item() == 3


@pytest.mark.parametrize("wrong", [-1.0, 100.5, math.nan])
def test_a_percentile_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=rf"AutoClip needs percentile in \[0, 100\], got {wrong}"):
        AutoClip(percentile=wrong)
