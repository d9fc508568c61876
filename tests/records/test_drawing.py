"""What is drawn stands where the numbers say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.records.drawing import BLUE, RED, Drawing, Panel, mixed, round_numbers

numbers = st.floats(-1e6, 1e6)


def _where(pixels: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere((pixels == color).all(axis=2))


def test_a_box_fills_its_pixels_and_no_more() -> None:
    drawing = Drawing(20, 10)
    drawing.box(3, 2, 7, 5, color=RED)
    drawing.box(9, 2, 9, 5, color=BLUE)
    filled = _where(drawing.pixels(), RED)
    assert drawing.pixels().shape == (10, 20, 3)
    assert (filled.min(axis=0).tolist(), filled.max(axis=0).tolist()) == ([2, 3], [4, 6])
    assert len(filled) == 3 * 4
    assert len(_where(drawing.pixels(), BLUE)) == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_keeps_every_pixel(channels: int) -> None:
    own = np.random.default_rng(0).integers(0, 256, (4, 5, channels), dtype=np.uint8)
    drawing = Drawing(12, 9)
    drawing.picture(own, 2, 3)
    shown = drawing.pixels()
    assert np.array_equal(shown[3:7, 2:7], np.broadcast_to(own, (4, 5, 3)))
    assert (shown[:3] == 255).all()


def test_numbers_stand_at_their_places_and_what_lies_outside_at_the_edge() -> None:
    panel = Panel(Drawing(100, 100), (10, 20, 90, 80), x=(0, 4), y=(-1, 1))
    assert panel.place(0, -1) == (10, 80)
    assert panel.place(4, 1) == (90, 20)
    assert panel.place(1, 0) == (30, 50)
    assert panel.place(9, -9) == (90, 80)


def test_bars_and_bands_fill_between_their_numbers() -> None:
    drawing = Drawing(100, 100)
    panel = Panel(drawing, (0, 0, 100, 100), x=(0, 10), y=(0, 10))
    panel.bar(2, 4, 5, color=RED)
    panel.band([6, 8], [1, 1], [3, 3], color=BLUE)
    filled = _where(drawing.pixels(), RED)
    assert (filled.min(axis=0).tolist(), filled.max(axis=0).tolist()) == ([50, 20], [99, 39])
    band = _where(drawing.pixels(), BLUE)
    assert band.min(axis=0) == pytest.approx([70, 60], abs=1)
    assert band.max(axis=0) == pytest.approx([89, 79], abs=1)


def test_numbers_that_are_not_finite_are_left_out() -> None:
    drawing = Drawing(20, 20)
    panel = Panel(drawing, (0, 0, 20, 20), x=(0, 2), y=(0, 1))
    panel.curve([0, 1, 2], [math.nan, 0.5, math.inf], color=RED)
    panel.band([0, 1, 2], [0, math.nan, 0], [math.inf, 1, 1], color=RED)
    assert (drawing.pixels() == 255).all()


@given(numbers, numbers)
def test_round_numbers_are_few_even_and_inside(low: float, high: float) -> None:
    low, high = sorted((low, high))
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300) or high - low < 1e-9:
        return
    found = round_numbers(low, high)
    room = 1e-6 * (high - low)
    assert 1 <= len(found) <= 5
    assert all(low - room <= number <= high + room for number in found)
    steps = np.diff(found)
    assert np.allclose(steps, steps[:1], rtol=1e-6)


def test_round_numbers_of_a_point_are_that_point() -> None:
    assert round_numbers(3.0, 3.0) == [3.0]


def test_a_thinned_color_ends_in_white() -> None:
    assert mixed(RED, 1.0) == RED
    assert mixed(RED, 0.0) == (255, 255, 255)
