"""The picture of a bench: a panel for each part, a line for each contestant, a dot a turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from clipbench.analysis.canvas import INK, WIDTH, blank, room, short, styled, svg
from clipbench.analysis.palette import COLOURS
from clipbench.bench.measure import Part, Row

_LINE, _HEAD, _FOOT, _LEFT, _RIGHT = 0.19, 0.32, 0.55, 1.62, 0.12  # inches
_LETTERS = 25


@dataclass(frozen=True)
class Panel:
    """What is drawn of a part.

    Attributes:
        measures: Names of the quantities, in the same unit, one colour each.
        axis: What the numbers are, with their unit.
        one: Whether a line marks "as fast as the reference".
        log: Whether the contestants lie a hundredfold apart.
    """

    measures: tuple[str, ...]
    axis: str
    one: bool = False
    log: bool = False


PANELS = {
    "clips": Panel(("forward", "backward"), "ns per element", log=True),
    "step": Panel(("ours to plain",), "our step over the plain one", one=True),
    "seeds": Panel(("time",), "seconds for all seeds"),
    "startup": Panel(("time",), "seconds from the start of the process", log=True),
    "data": Panel(("batches", "augmented"), "batches a second"),
}


def draw(parts: Sequence[Part]) -> bytes:
    """Draw all parts below one another, as SVG."""
    heights = [_HEAD + _LINE * len(part.rows) + _FOOT for part in parts]
    with styled():
        figure = blank(sum(heights))
        top = 0.0
        for part, height in zip(parts, heights, strict=True):
            box = (_LEFT, top + _HEAD, WIDTH - _LEFT - _RIGHT, height - _HEAD - _FOOT)
            _panel(room(figure, box), part, PANELS[part.name])
            top += height
        return svg(figure)


def _panel(axes: Axes, part: Part, panel: Panel) -> None:
    axes.set_title(part.name, loc="left")
    axes.set_ylim(len(part.rows) - 0.5, -0.5)
    axes.set_yticks(range(len(part.rows)), [short(row.name, _LETTERS) for row in part.rows])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel(panel.axis)
    if panel.one:
        axes.axvline(1, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
    if panel.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    for colour, name in zip(COLOURS, panel.measures, strict=False):
        for place, row in enumerate(part.rows):
            _draw(axes, row, name, line=place, colour=colour)
        axes.plot([], [], "o", color=colour, markersize=5, label=name)
    if len(panel.measures) > 1:
        axes.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8,
            borderaxespad=0.1, handletextpad=0.1,
        )  # fmt: skip


def _draw(axes: Axes, row: Row, name: str, *, line: int, colour: str) -> None:
    measure = row.measures.get(name)
    if measure is None:
        return
    at = [line] * len(measure.values)
    axes.scatter(measure.values, at, s=10, color=colour, alpha=0.25, edgecolors="none", zorder=3)
    spread = measure.spread
    ends = [spread.low, spread.high]
    axes.plot(ends, [line, line], color=colour, linewidth=3, alpha=0.5, solid_capstyle="butt")
    axes.plot([spread.median], [line], "o", color=colour, markersize=5, markeredgecolor="white",
              markeredgewidth=0.7, zorder=4)  # fmt: skip
