"""Thresholds over the activations they cut, as a picture: where they stood, and where they ended.

A row a site. On the left the course of the run: bands of the inputs' quantiles, the thresholds as
lines. On the right the last histogram of the inputs, with the thresholds marked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from clipbench.records.drawing import BLUE, GREEN, ORANGE, PALE, RED, Color, Drawing, Panel, mixed
from clipbench.records.histogram import Histogram
from clipbench.records.journal import Record
from clipbench.records.threshold_tags import INPUTS_BESIDE, take_apart, typical

MOST_SITES = 8
_BANDS = (("q01", "q999", 0.14), ("q01", "q99", 0.26), ("q50", "q90", 0.45))
_COLORS: Mapping[str, Color] = {"upper": RED, "lower": GREEN, "center": ORANGE}
# Viewers shrink larger pictures, and the letters in them.
_WIDTH, _ROW, _TOP = 400, 138, 46
_LEFT, _MIDDLE, _RIGHT = 40, 252, 278  # the courses end and the histograms begin


class Course(NamedTuple):
    """One number through a run."""

    steps: list[int]
    values: list[float]


class Site(NamedTuple):
    """What the picture shows of a site."""

    name: str
    thresholds: dict[str, Course]
    quantiles: dict[str, Course]
    histogram: Histogram | None


def sites_of(records: Sequence[Record]) -> list[Site]:
    """Gather what records hold of the sites that have a threshold on the axis of activations."""
    tags: dict[str, dict[str, str]] = {}
    for tag in dict.fromkeys(tag for record in records for tag in record["scalars"]):
        found = take_apart(tag) if typical(tag) else None
        if found is not None and found.name in INPUTS_BESIDE:
            tags.setdefault(found.site, {})[found.name] = tag
    quantiles = ("q01", "q50", "q90", "q99", "q999")
    return [
        Site(
            site,
            {name: _course(records, tag) for name, tag in names.items()},
            {q: _course(records, f"activation_quantile/{site}/{q}") for q in quantiles},
            _last_histogram(records, f"activation/{site}"),
        )
        for site, names in tags.items()
    ]


def threshold_picture(sites: Sequence[Site]) -> np.ndarray:
    """Draw at most `MOST_SITES` sites, of at least one.

    Returns:
        Pixels ``(height, width, 3)`` of uint8.
    """
    shown = sites[:MOST_SITES]
    drawing = Drawing(_WIDTH, _TOP + _ROW * len(shown))
    drawing.text((10, 14), "thresholds over the inputs they cut", size=13)
    drawing.text((10, 33), "through the steps, over quantiles", color=PALE, size=11)
    drawing.text((_RIGHT, 33), "at the end", color=PALE, size=11)
    for index, site in enumerate(shown):
        _draw_site(drawing, site, top=_TOP + _ROW * index)
    return drawing.pixels()


def _draw_site(drawing: Drawing, site: Site, *, top: float) -> None:
    low, high = _range(site)
    box = (_LEFT, top + 20, _MIDDLE, top + _ROW - 24)
    steps = [step for course in site.thresholds.values() for step in course.steps]
    panel = Panel(drawing, box, x=(0, max([1, *steps])), y=(low, high))
    for lower, upper, share in _BANDS:
        course, above = site.quantiles[lower], site.quantiles[upper]
        panel.band(course.steps, course.values, above.values, color=mixed(BLUE, share))
    panel.y_axis()
    panel.x_axis()
    drawing.text((_LEFT, top + 10), site.name or "model")
    at_end = (_RIGHT, top + 20, _WIDTH - 10, top + _ROW - 24)
    right = Panel(drawing, at_end, x=(low, high), y=(0, 1))
    _draw_histogram(right, site.histogram)
    for name, course in site.thresholds.items():
        panel.curve(course.steps, course.values, color=_COLORS[name], width=2)
        last = course.values[-1]
        right.curve([last, last], [0, 1], color=_COLORS[name], width=2)
    named = ", ".join(f"{name} {course.values[-1]:.3g}" for name, course in site.thresholds.items())
    color = _COLORS[next(iter(site.thresholds))]
    drawing.text((_WIDTH - 10, top + 10), named, color=color, size=11, anchor="rm")


def _draw_histogram(panel: Panel, histogram: Histogram | None) -> None:
    if histogram is not None:
        edges = [histogram["min"], *histogram["limits"]]
        # Square roots, so that a peak at zero does not press all else to the ground.
        heights = [math.sqrt(count) for count in histogram["counts"]]
        most = max([1.0, *heights])
        for start, end, height in zip(edges, edges[1:], heights, strict=False):
            if height > 0:
                panel.bar(start, end, height / most, color=mixed(BLUE, 0.5))
    panel.x_axis()


def _range(site: Site) -> tuple[float, float]:
    courses = [*site.thresholds.values(), *(site.quantiles[q] for q in ("q01", "q999"))]
    values = [v for course in courses for v in course.values if math.isfinite(v)]
    low, high = min([0.0, *values]), max([0.0, *values])
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room


def _course(records: Sequence[Record], tag: str) -> Course:
    points = [(r["step"], r["scalars"][tag]) for r in records if tag in r["scalars"]]
    return Course([step for step, _ in points], [value for _, value in points])


def _last_histogram(records: Sequence[Record], tag: str) -> Histogram | None:
    found = [r["histograms"][tag] for r in records if tag in r.get("histograms", {})]
    return found[-1] if found else None
