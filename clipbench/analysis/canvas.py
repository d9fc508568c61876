"""The paper that figures are drawn on, and how it becomes SVG: the same bytes for the same runs.

Text stays text; no name is read as mathematics, whatever dollar signs it holds.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from clipbench.analysis.escape import plain

WIDTH = 4.6
"""Of a figure, in inches: its letters stay legible on a phone."""
INK, PAPER_LINE = "#444444", "#DDDDDD"

_STYLE: dict[Any, object] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "clipbench",
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": PAPER_LINE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of the report."""
    with matplotlib.rc_context(_STYLE):
        yield


def blank(height: float) -> Figure:
    """Give an empty figure of the usual width and this height in inches."""
    return Figure(figsize=(WIDTH, height))


def room(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Put axes at (left, top, width, height) in inches from the upper left corner."""
    left, top, width, height = box
    whole = figure.get_figheight()
    return figure.add_axes(
        (left / WIDTH, 1 - (top + height) / whole, width / WIDTH, height / whole)
    )


def short(text: str, most: int) -> str:
    """Give a name in at most so many letters, whatever it holds; its middle is left out.

    >>> short("learnable, optim.lr=0.01", 16)
    'learnabl….lr=0.01'
    """
    shown = plain(text)
    if len(shown) <= most:
        return shown
    return f"{shown[: most // 2]}…{shown[-(most // 2) :]}"


def svg(figure: Figure) -> bytes:
    """Give a figure as SVG, without date or maker."""
    FigureCanvasSVG(figure)
    out = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(out, format="svg", metadata=nothing)
    return out.getvalue()
