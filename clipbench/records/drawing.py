"""A small canvas for the pictures that a run draws of itself.

On Pillow alone: to import a plotting library takes longer than a small run trains. Everything is
drawn twice as large and scaled down, which smooths lines and letters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]

INK, PALE, GRID = (45, 45, 50), (120, 120, 128), (222, 222, 226)
BLUE, RED, ORANGE, GREEN = (66, 133, 214), (214, 48, 49), (230, 126, 34), (39, 150, 90)

_TIMES = 2


class Drawing:
    """A white canvas; places are (x, y) in pixels from its top left corner."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (_TIMES * width, _TIMES * height), "white")
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self,
        place: tuple[float, float],
        text: str,
        *,
        color: Color = INK,
        size: int = 12,
        anchor: str = "lm",
    ) -> None:
        """Write one line; ``anchor`` says in Pillow's letters what of it stands at the place."""
        x, y = place
        at = (_TIMES * x, _TIMES * y)
        self._draw.text(at, text, fill=color, font=_font(_TIMES * size), anchor=anchor)

    def box(self, left: float, top: float, right: float, bottom: float, *, color: Color) -> None:
        """Fill a rectangle."""
        corners = [_TIMES * left, _TIMES * top, _TIMES * right - 1, _TIMES * bottom - 1]
        if corners[2] >= corners[0] and corners[3] >= corners[1]:
            self._draw.rectangle(corners, fill=color)

    def line(
        self, places: Sequence[tuple[float, float]], *, color: Color, width: float = 2
    ) -> None:
        """Join places by a line."""
        joined = [(_TIMES * x, _TIMES * y) for x, y in places]
        self._draw.line(joined, fill=color, width=round(_TIMES * width), joint="curve")

    def area(self, places: Sequence[tuple[float, float]], *, color: Color) -> None:
        """Fill a polygon of at least three corners."""
        self._draw.polygon([(_TIMES * x, _TIMES * y) for x, y in places], fill=color)

    def picture(self, pixels: np.ndarray, left: float, top: float) -> None:
        """Lay pixels ``(h, w, 1 or 3)`` of uint8 on the canvas, each as one pixel of it."""
        flat = pixels.squeeze(2) if pixels.shape[2] == 1 else pixels
        image = Image.fromarray(flat).convert("RGB")
        large = image.resize(
            (_TIMES * image.width, _TIMES * image.height), Image.Resampling.NEAREST
        )
        self._image.paste(large, (round(_TIMES * left), round(_TIMES * top)))

    def pixels(self) -> np.ndarray:
        """Return what was drawn, ``(height, width, 3)`` of uint8."""
        width, height = (side // _TIMES for side in self._image.size)
        return np.asarray(self._image.resize((width, height), Image.Resampling.BOX))


class Panel:
    """A part of a canvas with axes: draws numbers at their places.

    Args:
        drawing: The canvas.
        box: Left, top, right and bottom, in pixels.
        x: What lies at the left and the right edge.
        y: What lies at the bottom and the top edge.
    """

    def __init__(
        self,
        drawing: Drawing,
        box: tuple[float, float, float, float],
        *,
        x: tuple[float, float],
        y: tuple[float, float],
    ) -> None:
        self._drawing, self._box, self._x, self._y = drawing, box, x, y

    def y_axis(self) -> None:
        """Draw a few round numbers at the left, with a line across for each."""
        left, _, right, _ = self._box
        for value in round_numbers(*self._y):
            _, y = self.place(self._x[0], value)
            self._drawing.line([(left, y), (right, y)], color=GRID, width=1)
            self._drawing.text((left - 6, y), f"{value:g}", color=PALE, size=11, anchor="rm")

    def x_axis(self) -> None:
        """Draw the lower edge and a few round numbers below it."""
        left, _, right, bottom = self._box
        self._drawing.line([(left, bottom), (right, bottom)], color=PALE, width=1)
        for value in round_numbers(*self._x):
            x, _ = self.place(value, self._y[0])
            self._drawing.text((x, bottom + 9), f"{value:g}", color=PALE, size=11, anchor="mm")

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a pair of numbers stands on the canvas; what lies outside, at the edge."""
        left, top, right, bottom = self._box
        across, up = _share(x, *self._x), _share(y, *self._y)
        return left + across * (right - left), bottom - up * (bottom - top)

    def curve(
        self, xs: Sequence[float], ys: Sequence[float], *, color: Color, width: float = 2
    ) -> None:
        """Draw a line through the finite points."""
        points = [self.place(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x + y)]
        if len(points) > 1:
            self._drawing.line(points, color=color, width=width)

    def band(
        self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], *, color: Color
    ) -> None:
        """Fill between two lines, where both are finite."""
        ends = [
            (self.place(x, low), self.place(x, high))
            for x, low, high in zip(xs, lows, highs, strict=True)
            if math.isfinite(low + high)
        ]
        if len(ends) > 1:
            edge = [low for low, _ in ends] + [high for _, high in reversed(ends)]
            self._drawing.area(edge, color=color)

    def bar(self, start: float, end: float, height: float, *, color: Color) -> None:
        """Fill from zero to a height, between two places of the x-axis."""
        left, bottom = self.place(start, 0.0)
        right, top = self.place(end, height)
        self._drawing.box(left, top, max(right, left + 0.5), bottom, color=color)


def round_numbers(low: float, high: float, *, most: int = 5) -> list[float]:
    """Return at most so many round numbers that lie in a range, evenly spaced.

    >>> round_numbers(0.0, 10.0)
    [0.0, 2.5, 5.0, 7.5, 10.0]
    """
    if not high > low:
        return [low]
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1, 2, 2.5, 5, 10) if power * k >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) + 0.0 for k in range(first, last + 1)]


def mixed(color: Color, share: float) -> Color:
    """Return a color thinned with white: all of it at 1, white at 0."""
    red, green, blue = (round(255 + share * (part - 255)) for part in color)
    return red, green, blue


def _share(value: float, low: float, high: float) -> float:
    if high == low:
        return 0.5
    return min(max((value - low) / (high - low), 0.0), 1.0)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
