"""Accuracy against sparsity: each configuration a point with both intervals, and the front.

On the front stands what no other configuration beats in both means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from clipbench.analysis.canvas import INK, WIDTH, blank, room, short, styled, svg
from clipbench.analysis.palette import Look
from clipbench.analysis.statistics import Estimate

_LETTERS = 31
_HEIGHT, _KEY = 3.3, 0.2  # inches; of the axes, of a line of the key


@dataclass(frozen=True)
class Point:
    """One configuration: sparsity along, the metric up."""

    label: str
    look: Look
    along: Estimate
    up: Estimate

    @property
    def place(self) -> tuple[float, float]:
        """Both means."""
        return self.along.mean, self.up.mean


def front_of(points: Sequence[Point]) -> list[Point]:
    """Give the points that no other reaches in both means and beats in one, by sparsity."""
    kept = [
        point
        for point in points
        if not any(
            other.place != point.place
            and other.along.mean >= point.along.mean
            and other.up.mean >= point.up.mean
            for other in points
        )
    ]
    return sorted(kept, key=lambda point: point.place)


def front_chart(points: Sequence[Point], *, along: str, up: str, scale: float) -> bytes:
    """Draw the points and their front as SVG.

    Args:
        points: At least one, each with finite means.
        along: What stands along, with its unit: percent.
        up: What stands up, with its unit.
        scale: Factor from the metric to that unit.
    """
    lines = math.ceil(len(points) / 2)
    with styled():
        figure = blank(0.12 + _HEIGHT + 0.55 + _KEY * lines)
        axes = room(figure, (0.6, 0.12, WIDTH - 0.78, _HEIGHT))
        axes.grid()
        axes.set_xlabel(along)
        axes.set_ylabel(up)
        front = [(100 * x, scale * y) for x, y in (point.place for point in front_of(points))]
        if len(front) > 1:
            axes.step(*zip(*front, strict=True), where="pre", color=INK, linewidth=0.9, alpha=0.6)
        for point in points:
            _draw(axes, point, scale=scale)
        axes.margins(0.08)
        figure.legend(
            *axes.get_legend_handles_labels(),
            loc="lower left",
            ncols=2,
            frameon=False,
            fontsize=8,
            bbox_to_anchor=(0.02, 0),
        )
        return svg(figure)


def _draw(axes: Axes, point: Point, *, scale: float) -> None:
    x, y = 100 * point.along.mean, scale * point.up.mean
    axes.errorbar(
        [x],
        [y],
        xerr=_reach(point.along, 100),
        yerr=_reach(point.up, scale),
        fmt=point.look.marker,
        color=point.look.colour,
        markersize=7,
        markeredgecolor="white",
        markeredgewidth=0.8,
        elinewidth=1.1,
        label=short(point.label, _LETTERS),
    )


def _reach(estimate: Estimate, scale: float) -> list[float] | None:
    return None if math.isnan(estimate.low) else [scale * (estimate.high - estimate.mean)]
