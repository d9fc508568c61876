"""Thresholds over training: where they went, and which activations they cut on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from clipbench.analysis.bands import band
from clipbench.analysis.canvas import blank, styled, svg
from clipbench.analysis.courses import draw_band, grid, grid_height, title
from clipbench.analysis.escape import plain
from clipbench.analysis.history import History
from clipbench.analysis.measures import name_of
from clipbench.analysis.palette import Look

MOST_SITES = 4
_PLACES = ("upper", "lower")
_DASHES = {"upper": "-", "lower": "--", "slope": "-.", "beta": "-."}
_CUTS = (("q01", "q99", 0.16), ("q50", "q90", 0.26))
_NEUTRAL = "#5B6B7B"

Ending = tuple[float, int, str]
"""Where a line ends: value, step, and what it is called."""


@dataclass(frozen=True)
class Trained:
    """One configuration: its name, its look, and the history of each seed."""

    label: str
    look: Look
    histories: Sequence[History]

    @property
    def has_moved_on(self) -> bool:
        """Whether some threshold was recorded after the start, so that there is a line to draw."""
        tags = [tag for held in self.thresholds().values() for tag in held]
        return any(len(history.values(tag)) > 1 for history in self.histories for tag in tags)

    def thresholds(self) -> dict[str, list[str]]:
        """Give the tags of its thresholds by site, in the order of the model; channels by mean."""
        tags = dict.fromkeys(tag for history in self.histories for tag in history.series)
        by_site: dict[str, list[str]] = {}
        for tag in tags:
            if tag.startswith("threshold/") and not tag.endswith(("/min", "/max")):
                by_site.setdefault(tag.split("/")[1], []).append(tag)
        return by_site


def trajectory_chart(trained: Sequence[Trained]) -> bytes:
    """Draw a panel a configuration, a line a site and threshold, darker towards the output."""
    with styled():
        figure = blank(grid_height(len(trained)))
        for axes, one in zip(grid(figure, len(trained)), trained, strict=True):
            sites = spread_out(list(one.thresholds()), MOST_SITES)
            endings: list[Ending] = []
            for place, site in enumerate(sites):
                endings += _lines(axes, one, site, alpha=(place + 1.5) / (len(sites) + 0.5))
            _name(axes, sorted(endings), colour=one.look.colour)
            title(axes, one.label, one.look)
        return svg(figure)


def cut_chart(trained: Sequence[Trained], *, sites: int = 2) -> bytes:
    """Draw a panel a configuration and site: thresholds over quantiles of the clip's inputs."""
    rows = [(one, site) for one in trained for site in spread_out(placed_sites(one), sites)]
    with styled():
        figure = blank(grid_height(len(rows)))
        for axes, (one, site) in zip(grid(figure, len(rows)), rows, strict=True):
            _quantiles(axes, one.histories, site)
            for tag in one.thresholds()[site]:
                shown = band(one.histories, tag)
                if name_of(tag) in _PLACES and shown is not None:
                    draw_band(axes, shown, colour=one.look.colour, line=_DASHES[name_of(tag)])
            title(axes, one.label, one.look, site)
        return svg(figure)


def placed_sites(one: Trained) -> list[str]:
    """Give the sites whose thresholds stand on the axis of the activations."""
    held = one.thresholds().items()
    return [site for site, tags in held if any(name_of(tag) in _PLACES for tag in tags)]


def spread_out(names: Sequence[str], most: int) -> list[str]:
    """Give at most so many of the names, evenly spread, with the first and the last."""
    if len(names) <= most:
        return list(names)
    return [names[round(place)] for place in np.linspace(0, len(names) - 1, most)]


def _lines(axes: Axes, one: Trained, site: str, *, alpha: float) -> Iterator[Ending]:
    for tag in one.thresholds()[site]:
        shown = band(one.histories, tag)
        if shown is not None:
            dash = _DASHES.get(name_of(tag), ":")
            draw_band(axes, shown, colour=one.look.colour, line=dash, alpha=alpha)
            yield float(shown.middle[-1]), int(shown.steps[-1]), f"{site} {name_of(tag)}"


def _name(axes: Axes, endings: Sequence[Ending], *, colour: str) -> None:
    """Name lines at their ends: the upper half above them, the lower half below."""
    for place, (value, step, text) in enumerate(endings):
        above = 2 * place >= len(endings) - 1
        axes.annotate(
            plain(text),
            (step, value),
            xytext=(-2, 3 if above else -8),
            textcoords="offset points",
            ha="right",
            fontsize=7,
            color=colour,
        )


def _quantiles(axes: Axes, histories: Sequence[History], site: str) -> None:
    for low, high, alpha in _CUTS:
        ends = [band(histories, f"activation_quantile/{site}/{name}") for name in (low, high)]
        if ends[0] is not None and ends[1] is not None:
            below, above = ends[0].middle, ends[1].middle
            axes.fill_between(ends[0].steps, below, above, color=_NEUTRAL, alpha=alpha, linewidth=0)
