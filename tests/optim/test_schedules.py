import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clipbench.optim.constant import constant
from clipbench.optim.cosine import cosine
from clipbench.optim.schedules import after_warmup, apply_schedule, warmup_steps
from clipbench.optim.step import step as step_down

totals = st.integers(1, 500)
shares = st.floats(0, 1, exclude_max=True)


def values(schedule, total_steps):
    return [schedule(step) for step in range(total_steps)]


@given(totals, shares)
def test_some_step_is_always_left_after_the_warmup(total_steps, warmup):
    assert 0 <= warmup_steps(total_steps=total_steps, warmup=warmup) < total_steps


@given(totals, shares)
def test_the_warmup_rises_in_equal_parts_from_above_zero_to_one(total_steps, warmup):
    rising = warmup_steps(total_steps=total_steps, warmup=warmup)
    schedule = after_warmup(lambda step: 1.0, total_steps=total_steps, warmup=warmup)
    expected = [(step + 1) / rising for step in range(rising)]
    assert values(schedule, rising) == pytest.approx(expected)
    assert schedule(rising) == 1


def test_what_follows_counts_from_its_own_start():
    schedule = after_warmup(lambda step: step / 100, total_steps=10, warmup=0.4)
    assert values(schedule, 7) == pytest.approx([0.25, 0.5, 0.75, 1.0, 0.0, 0.01, 0.02])


@given(totals, shares, st.floats(0, 1), st.data())
def test_every_schedule_is_pure_stays_in_its_range_and_peaks_at_one(total, warmup, final, data):
    milestones = data.draw(st.lists(st.floats(0.01, 0.99), max_size=3))
    for schedule in (
        constant(total_steps=total, warmup=warmup),
        cosine(total_steps=total, warmup=warmup, final=final),
        step_down(total_steps=total, warmup=warmup, milestones=milestones, factor=0.5),
    ):
        curve = values(schedule, total)
        assert all(0 < value <= 1 for value in curve)
        assert curve == values(schedule, total)
        rising = warmup_steps(total_steps=total, warmup=warmup)
        assert all(a >= b for a, b in zip(curve[rising:], curve[rising + 1 :], strict=False))
        if rising > 0:
            assert curve[rising - 1] == 1


def test_constant():
    assert values(constant(total_steps=5), 5) == [1] * 5
    assert values(constant(total_steps=8, warmup=0.5), 8) == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]


class TestCosine:
    def test_without_warmup_is_half_a_cosine(self):
        expected = [(1 + math.cos(math.pi * step / 50)) / 2 for step in range(50)]
        assert values(cosine(total_steps=50, warmup=0.0), 50) == pytest.approx(expected)

    def test_falls_from_one_half_way_to_the_middle_and_ends_at_final(self):
        schedule = cosine(total_steps=100, warmup=0.2, final=0.1)
        assert schedule(19) == schedule(20) == 1
        assert schedule(60) == pytest.approx(0.55)
        assert schedule(100) == pytest.approx(0.1)
        assert schedule(1000) == pytest.approx(0.1)

    def test_one_step_is_enough(self):
        assert cosine(total_steps=1)(0) == 1


class TestStep:
    def test_drops_at_each_milestone(self):
        schedule = step_down(total_steps=8, milestones=[0.5, 0.75], factor=0.1)
        assert values(schedule, 8) == pytest.approx([1] * 4 + [0.1] * 2 + [0.01] * 2)

    def test_milestones_count_from_the_beginning_of_the_run(self):
        schedule = step_down(total_steps=10, warmup=0.2, milestones=[0.5], factor=0.1)
        assert values(schedule, 10) == pytest.approx([0.5, 1, 1, 1, 1] + [0.1] * 5)

    def test_the_order_of_the_milestones_does_not_matter(self):
        a = step_down(total_steps=20, milestones=[0.25, 0.5])
        b = step_down(total_steps=20, milestones=[0.5, 0.25])
        assert values(a, 20) == values(b, 20)


def test_apply_schedule_scales_each_group_s_own_rate_and_does_not_add_up():
    parameters = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    optimizer = torch.optim.SGD(
        [
            {"params": [parameter], "lr": rate, "initial_lr": rate}
            for parameter, rate in zip(parameters, (0.1, 1.0), strict=True)
        ]
    )
    for _ in range(3):
        apply_schedule(optimizer, lambda step: step / 10, 5)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.5])
    assert [group["initial_lr"] for group in optimizer.param_groups] == [0.1, 1.0]
