"""A strip chart: one line a configuration, seeds as dots, the mean with its interval.

Names stand above their line and not beside it, so that a long one costs no width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from clipbench.analysis.canvas import INK, WIDTH, blank, room, short, styled, svg
from clipbench.analysis.palette import Look
from clipbench.analysis.statistics import Estimate

_LETTERS = 70
_LINE, _FOOT, _HEAD, _MARGIN = 0.36, 0.5, 0.08, 0.18  # inches


@dataclass(frozen=True)
class Strip:
    """One line: its name, its look, a dot for each value, and the mean with interval."""

    label: str
    look: Look
    values: Sequence[float]
    estimate: Estimate


def strip_chart(
    strips: Sequence[Strip],
    *,
    axis: str,
    scale: float = 1.0,
    zero: float | None = None,
    name: Callable[[Strip], str] = lambda strip: strip.label,
) -> bytes:
    """Draw a strip chart as SVG.

    Args:
        strips: At least one, the first on top.
        axis: What the numbers are, with their unit.
        scale: Factor from the values to that unit.
        zero: Where a line marks "no difference", in that unit.
        name: What stands above a line.
    """
    tall = _LINE * len(strips)
    with styled():
        figure = blank(_HEAD + tall + _FOOT)
        axes = room(figure, (_MARGIN, _HEAD, WIDTH - 2 * _MARGIN, tall))
        axes.set_ylim(len(strips), 0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.set_xlabel(axis)
        if zero is not None:
            axes.axvline(zero, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        for place, strip in enumerate(strips):
            _draw(axes, strip, line=place + 0.68, scale=scale)
            axes.annotate(
                short(name(strip), _LETTERS),
                (0, place + 0.28),
                xycoords=("axes fraction", "data"),
                color=strip.look.colour,
                va="center",
                fontsize=8.5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
            )
        axes.margins(x=0.06)
        return svg(figure)


def _draw(axes: Axes, strip: Strip, *, line: float, scale: float) -> None:
    look, estimate = strip.look, strip.estimate
    values = [scale * value for value in strip.values if math.isfinite(value)]
    axes.scatter(
        values,
        [line] * len(values),
        s=17,
        color=look.colour,
        alpha=0.5,
        edgecolors="white",
        linewidths=0.5,
        zorder=3,
    )
    if math.isnan(estimate.mean):
        return
    if not math.isnan(estimate.low):
        ends = [scale * estimate.low, scale * estimate.high]
        axes.plot(
            ends, [line, line], color=look.colour, linewidth=4, alpha=0.4, solid_capstyle="butt"
        )
    mean = scale * estimate.mean
    axes.plot(
        [mean],
        [line],
        look.marker,
        color=look.colour,
        markersize=7.5,
        markeredgecolor="white",
        markeredgewidth=0.8,
        zorder=4,
    )
