"""Small panels, one a configuration: how a quantity runs over the steps, seeds as a band.

The reference runs along in grey, so that each panel can be read by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from clipbench.analysis.bands import Band
from clipbench.analysis.canvas import INK, WIDTH, blank, room, short, styled, svg
from clipbench.analysis.escape import plain
from clipbench.analysis.palette import Look

COLUMNS, MOST_MARKS = 2, 5
_LETTERS = 26
_TALL, _TITLE, _GAP, _FOOT, _LEFT, _RIGHT = 1.1, 0.28, 0.12, 0.42, 0.5, 0.08  # inches


@dataclass(frozen=True)
class Course:
    """One panel: a name, a look, a band, and the steps at which seeds diverged."""

    label: str
    look: Look
    band: Band
    ends: Sequence[int] = ()


def course_chart(courses: Sequence[Course], *, reference: Band | None, up: str) -> bytes:
    """Draw a panel for each course as SVG, on one logarithmic axis.

    Args:
        courses: At least one.
        reference: What runs along in grey.
        up: What stands up.
    """
    marks = log_marks([course.band for course in courses])
    with styled():
        figure = blank(grid_height(len(courses)))
        first: Axes | None = None
        for place, (axes, course) in enumerate(
            zip(grid(figure, len(courses)), courses, strict=True)
        ):
            if first is None:
                first = axes
            else:
                axes.sharey(first)
            _logarithmic(axes, marks)
            if reference is not None and course.band is not reference:
                draw_band(axes, reference, colour="#888888")
            draw_band(axes, course.band, colour=course.look.colour)
            for end in course.ends:
                axes.axvline(end, color=course.look.colour, linewidth=0.9, linestyle=":")
            axes.tick_params(labelleft=place % COLUMNS == 0)
            title(axes, course.label, course.look)
        figure.supylabel(up, fontsize=9, color=INK, x=0.012)
        return svg(figure)


def log_marks(bands: Sequence[Band]) -> list[float]:
    """Choose up to `MOST_MARKS` numbers within the bands: of 1, 2, 5, 10 …, or powers of ten.

    >>> log_marks([])
    []
    """
    values = np.concatenate([np.zeros(0), *(part for one in bands for part in (one.low, one.high))])
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        return []
    low, high = float(values.min()), float(values.max())
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    within = [mark for mark in fine if low <= mark <= high]
    if len(within) < 2:  # a narrow range is marked at its ends
        return sorted({float(f"{end:.2g}") for end in (low, high)})
    if len(within) > MOST_MARKS:
        within = [mark for mark in fine[::3] if low <= mark <= high]
    return within[:: math.ceil(len(within) / MOST_MARKS)]


def _logarithmic(axes: Axes, marks: Sequence[float]) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(marks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def draw_band(axes: Axes, band: Band, *, colour: str, line: str = "-", alpha: float = 1.0) -> None:
    """Draw a median and its band."""
    axes.fill_between(
        band.steps, band.low, band.high, color=colour, alpha=0.22 * alpha, linewidth=0
    )
    axes.plot(band.steps, band.middle, color=colour, linestyle=line, alpha=alpha)


def title(axes: Axes, label: str, look: Look, site: str = "") -> None:
    """Name a panel, in the colour of its configuration."""
    text = f"{short(label, _LETTERS - len(site) - 2)}, {site}" if site else short(label, _LETTERS)
    # With y given matplotlib does not measure every tick to find it, which takes a quarter of all.
    axes.set_title(plain(text), loc="left", color=look.colour, fontsize=8.5, pad=4, y=1.0)


def grid(figure: Figure, count: int, *, columns: int = COLUMNS) -> Iterator[Axes]:
    """Give axes for so many panels, row by row; steps are named under the last row."""
    wide = (WIDTH - columns * (_LEFT + _RIGHT)) / columns
    for place in range(count):
        row, column = divmod(place, columns)
        left = _LEFT + column * (wide + _LEFT + _RIGHT)
        axes = room(figure, (left, _TITLE + row * (_TALL + _TITLE + _GAP), wide, _TALL))
        axes.grid(axis="y")
        axes.locator_params(nbins=3)
        last = place + columns >= count
        axes.tick_params(labelbottom=last)
        if last:
            axes.set_xlabel("step", labelpad=1)
        yield axes


def grid_height(count: int, *, columns: int = COLUMNS) -> float:
    """Give the height in inches that so many panels need."""
    return math.ceil(count / columns) * (_TALL + _TITLE + _GAP) + _FOOT - _GAP
