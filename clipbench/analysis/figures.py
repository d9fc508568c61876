"""The figures of one comparison, each with a caption that says what one learns from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clipbench.analysis.arms import Arm
from clipbench.analysis.bands import band
from clipbench.analysis.comparison import Comparison
from clipbench.analysis.comparison_table import sparsity_tag
from clipbench.analysis.courses import Course, course_chart
from clipbench.analysis.front import Point, front_chart
from clipbench.analysis.guide import PARAMETERS, Line, time_ratios
from clipbench.analysis.history import History
from clipbench.analysis.lost import arms_of
from clipbench.analysis.metrics import is_share, title, unit
from clipbench.analysis.palette import Look
from clipbench.analysis.statistics import estimate
from clipbench.analysis.strips import Strip, strip_chart
from clipbench.analysis.trajectories import Trained, cut_chart, placed_sites, trajectory_chart

MOST_PANELS, MOST_CUT = 10, 8
_DOTS = "Each dot is a seed; the marker is the mean, its bar the 95 % t-interval."
_BANDS = "Lines are medians over seeds, bands reach from the 10 % to the 90 % quantile."


@dataclass(frozen=True)
class Figure:
    """One figure: a heading, SVG, and what one learns from it."""

    heading: str
    svg: bytes
    caption: str


@dataclass(frozen=True)
class Subject:
    """What is drawn: a comparison, the looks of its arms, and the histories of all their runs."""

    comparison: Comparison
    looks: Mapping[str, Look]
    histories: Mapping[Path, History]

    @property
    def arms(self) -> list[Arm]:
        """All arms with a run, the reference first."""
        return arms_of(self.comparison)

    @property
    def scale(self) -> float:
        """Factor from the metric to the unit it is shown in."""
        return 100 if is_share(self.comparison.metric) else 1

    def history(self, arm: Arm) -> list[History]:
        """Give the histories of the runs of an arm, one a seed."""
        return [self.histories[run.path] for run in arm.runs.values()]


def figures(subject: Subject) -> Iterator[Figure]:
    """Draw every figure that the records hold something for."""
    for draw in (
        _differences,
        _means,
        _sparsity,
        _front,
        _trajectories,
        _cuts,
        _gradients,
        _losses,
        _cost,
    ):
        figure = draw(subject)
        if figure is not None:
            yield figure


def _differences(subject: Subject) -> Figure | None:
    rows = [row for row in subject.comparison.rows if row.pairs.n > 0]
    if not rows:
        return None
    strips = [
        Strip(
            row.arm.label,
            subject.looks[row.arm.label],
            list(row.pairs.differences.values()),
            row.difference,
        )
        for row in rows
    ]
    reference, metric = subject.comparison.reference.label, subject.comparison.metric
    axis = f"{metric} minus that of the reference{f', {unit(metric)}' if unit(metric) else ''}"
    return Figure(
        f"Difference to {reference}",
        strip_chart(strips, axis=axis, scale=subject.scale, zero=0),
        f"The picture behind the verdicts. A dot is one seed's difference to {reference} with the "
        "same initial weights and order of images; the bar is the 95 % interval of the mean. A bar "
        "that crosses the dashed line is compatible with no difference, before any correction.",
    )


def _means(subject: Subject) -> Figure | None:
    arms = [arm for arm in subject.arms if arm.values]
    if not arms:
        return None
    strips = [
        Strip(arm.label, subject.looks[arm.label], list(arm.values.values()), arm.estimate)
        for arm in arms
    ]
    heading = title(subject.comparison.metric)
    return Figure(
        heading.removesuffix(" %").capitalize(),
        strip_chart(strips, axis=heading, scale=subject.scale),
        f"{_DOTS} Seeds are paired, so bars that overlap do not make two choices equal: the "
        "differences decide.",
    )


def _sparsity(subject: Subject) -> Figure | None:
    tag = sparsity_tag(subject.comparison)
    strips = []
    for arm in subject.arms:
        values = _measured(arm, tag)
        if values:
            strips.append(Strip(arm.label, subject.looks[arm.label], values, estimate(values)))
    if not strips:
        return None
    part = "test" if tag.startswith("test/") else "validation"
    return Figure(
        "Sparsity",
        strip_chart(strips, axis=f"zeros, % of {part} activations", scale=100),
        "How many of the clips' outputs are exactly zero, mean of sites: the part of the next "
        f"layer's arithmetic that need not be done. {_DOTS}",
    )


def _front(subject: Subject) -> Figure | None:
    tag = sparsity_tag(subject.comparison)
    points = [
        Point(arm.label, subject.looks[arm.label], estimate(_measured(arm, tag)), arm.estimate)
        for arm in subject.arms
        if _measured(arm, tag) and arm.values
    ]
    if len(points) < 2:
        return None
    return Figure(
        "What sparsity costs",
        front_chart(
            points, along="zeros, %", up=title(subject.comparison.metric), scale=subject.scale
        ),
        "Up is better, right is sparser. The thin line joins the choices that no other beats in "
        "both means; what lies below it buys its sparsity at too high a price. Bars are 95 % "
        "intervals over seeds.",
    )


def _trajectories(subject: Subject) -> Figure | None:
    trained = _trained(subject)
    if not trained:
        return None
    return Figure(
        "Where thresholds go",
        trajectory_chart(trained[:MOST_PANELS]),
        "A flat line is a threshold that did not learn, a narrow band one that all seeds agree on. "
        f"{_BANDS} Of many sites four are shown, darker towards the output; of one threshold a "
        f"channel, the mean.{_cut_off(len(trained))}",
    )


def _cuts(subject: Subject) -> Figure | None:
    trained = [one for one in _trained(subject) if placed_sites(one)]
    if not trained:
        return None
    return Figure(
        "What thresholds cut",
        cut_chart(trained[:MOST_CUT]),
        "Grey: the inputs of the clip on the validation part, from the 1 % to the 99 % quantile, "
        "darker from the median to the 90 % one. A threshold outside the grey cuts almost "
        "nothing; one inside it decides what passes. First and last site."
        f"{_cut_off(len(trained), MOST_CUT)}",
    )


def _gradients(subject: Subject) -> Figure | None:
    chart = _course(subject, "grad_norm/total", up="gradient norm")
    if chart is None:
        return None
    return Figure(
        "Gradient norms",
        chart,
        "Global L2 norm before any clipping, sampled in training; the reference runs along in "
        f"grey. A norm that grows or jumps announces trouble. {_BANDS}"
        f"{_cut_off(len(subject.arms))}",
    )


def _losses(subject: Subject) -> Figure | None:
    chart = _course(subject, "val/loss", up="validation loss")
    if chart is None:
        return None
    return Figure(
        "Training stability",
        chart,
        "Validation loss after each epoch; the reference runs along in grey. A wide band means "
        "that seeds disagree, a dotted vertical line is the last record of a seed that diverged. "
        f"{_BANDS}{_cut_off(len(subject.arms))}",
    )


def _cost(subject: Subject) -> Figure | None:
    strips, parameters = [], {}
    for arm in subject.arms:
        values = list(time_ratios(Line(arm, subject.comparison, subject.histories)).values())
        if values:
            strips.append(Strip(arm.label, subject.looks[arm.label], values, estimate(values)))
            parameters[arm.label] = max(_measured(arm, PARAMETERS), default=math.nan)
    if not strips:
        return None
    return Figure(
        "Cost",
        strip_chart(
            strips,
            axis="seconds of an epoch over those of the reference",
            zero=1,
            name=lambda strip: f"{strip.label} · {parameters[strip.label]:,.0f} parameters",
        ),
        "What a choice costs in training time on the same machine, seed by seed: 1 is as fast as "
        f"the reference. {_DOTS} Times of runs that shared a machine with others scatter.",
    )


def _course(subject: Subject, tag: str, *, up: str) -> bytes | None:
    held = [(arm, band(subject.history(arm), tag)) for arm in subject.arms[:MOST_PANELS]]
    courses = [
        Course(arm.label, subject.looks[arm.label], shown, _ends(subject, arm))
        for arm, shown in held
        if shown is not None
    ]
    if not courses:
        return None
    reference = subject.comparison.reference.label
    grey = next((one.band for one in courses if one.label == reference), None)
    return course_chart(courses, reference=grey, up=up)


def _ends(subject: Subject, arm: Arm) -> list[int]:
    """Give the last recorded step of each seed that diverged."""
    lost = [run for run in arm.runs.values() if run.status == "diverged"]
    series = [subject.histories[run.path].series.values() for run in lost]
    return [max(int(one.steps[-1]) for one in held) for held in series if held]


def _trained(subject: Subject) -> list[Trained]:
    trained = [Trained(a.label, subject.looks[a.label], subject.history(a)) for a in subject.arms]
    return [one for one in trained if one.has_moved_on]


def _measured(arm: Arm, tag: str) -> list[float]:
    held: Sequence[float] = [arm.runs[seed].results.get(tag, math.nan) for seed in arm.values]
    return [value for value in held if math.isfinite(value)]


def _cut_off(count: int, most: int = MOST_PANELS) -> str:
    return f" The first {most} of {count} configurations are shown." if count > most else ""
