"""The figures over several data sets: interquartile means and the performance profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from clipbench.analysis.across_data import profile
from clipbench.analysis.canvas import INK, WIDTH, blank, room, short, styled, svg
from clipbench.analysis.comparison import Comparison
from clipbench.analysis.data_sets import Across, across, resampled
from clipbench.analysis.figures import Figure
from clipbench.analysis.metrics import is_share, unit
from clipbench.analysis.palette import Look
from clipbench.analysis.strips import Strip, strip_chart

_LETTERS = 31
_HEIGHT, _KEY, _LEVELS = 2.6, 0.2, 201


def profile_figures(
    comparisons: Sequence[Comparison], *, looks: Mapping[str, Look]
) -> list[Figure]:
    """Draw what several data sets say together; nothing where there is one alone."""
    compared = [one for one in across(comparisons)[0] if one.differences]
    if not compared:
        return []
    metric = comparisons[0].metric
    scale = 100 if is_share(metric) else 1
    axis = f"{metric} minus reference{f', {unit(metric)}' if unit(metric) else ''}"
    strips = [
        Strip(
            one.label,
            looks[one.label],
            np.concatenate(one.differences).tolist(),
            resampled(one.differences),
        )
        for one in compared
    ]
    return [
        Figure(
            "Difference over all data sets",
            strip_chart(strips, axis=axis, scale=scale, zero=0),
            "Each dot is a pair of runs on one of the data sets. The marker is the interquartile "
            "mean of all differences, its bar the 95 % interval of a bootstrap that draws seeds "
            "within each data set.",
        ),
        Figure(
            "Performance profile",
            _profile_chart(compared, looks=looks, axis=axis, scale=scale),
            "For each difference along the axis: the share of runs that do better than it, every "
            "data set weighing the same. A curve that lies above another everywhere is the better "
            "choice whatever one asks for; the height at the dashed line is P(A>B).",
        ),
    ]


def _profile_chart(
    compared: Sequence[Across], *, looks: Mapping[str, Look], axis: str, scale: float
) -> bytes:
    every = np.concatenate([stratum for one in compared for stratum in one.differences])
    margin = 0.05 * float(np.ptp(every)) or 1 / scale
    levels = np.linspace(every.min() - margin, every.max() + margin, _LEVELS)
    with styled():
        figure = blank(0.12 + _HEIGHT + 0.55 + _KEY * ((len(compared) + 1) // 2))
        axes = room(figure, (0.6, 0.12, WIDTH - 0.78, _HEIGHT))
        axes.grid()
        axes.set_xlabel(axis)
        axes.set_ylabel("share of runs above")
        axes.axvline(0, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        for one in compared:
            axes.plot(
                scale * levels,
                profile(one.differences, levels=levels),
                color=looks[one.label].colour,
                marker=looks[one.label].marker,
                markevery=25,
                markersize=4,
                label=short(one.label, _LETTERS),
            )
        figure.legend(
            loc="lower left", ncols=2, frameon=False, fontsize=8, bbox_to_anchor=(0.02, 0)
        )
        return svg(figure)
