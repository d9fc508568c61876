"""Which charts TensorBoard's Custom Scalars page draws: the layout that runs bring with them.

TensorBoard joins the layouts of all runs: sections of one title become one, and a chart that is
there already is not added again. So every run writes its own and the page shows each chart once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import metadata
from tensorboard.plugins.custom_scalar.layout_pb2 import (
    Category,
    Chart,
    Layout,
    MarginChartContent,
    MultilineChartContent,
)
from tensorboard.util.tensor_util import make_tensor_proto

from clipbench.records.threshold_tags import INPUTS_BESIDE, among_inputs, take_apart

SUMMARY = "_summary"
"""The folder of a sweep that holds the means over seeds, one run a configuration."""
OVER_SEEDS = "over seeds"
"""The first part of the tags that hold a mean over seeds and the ends of its interval."""


def run_layout(tags: Collection[str]) -> Layout:
    """Return the layout that a run brings with it.

    Args:
        tags: Those of its scalars; thresholds get a chart each, over the inputs they cut.
    """
    thresholds = [
        _lines("thresholds of all sites", r"threshold/(?!.*/(min|max)$)"),
        *_thresholds_over_inputs(tags),
    ]
    sparsity = [
        _lines("share of zeros at all sites", r"sparsity/(?!mean$|elements$)"),
        _lines("share of inputs at or beyond a threshold", r"saturation/(?!mean$)"),
    ]
    learning = [
        _lines("loss", r"(train|val)/loss$"),
        _lines("accuracy", r"(train|val)/accuracy$"),
    ]
    return Layout(
        category=[
            _section("Thresholds", thresholds),
            _section("Sparsity", sparsity),
            _section("Train against validation", learning),
        ]
    )


def summary_layout(tags: Iterable[str], *, of_runs: Collection[str]) -> Layout:
    """Return the layout of means over seeds: one chart a tag, with the interval as a band.

    The charts of the runs follow, closed: of many runs they are slow and a tangle. The page keeps
    what it reads first and loses some of what later layouts add to it; summaries come first by
    their name and so bring all there is.

    Args:
        tags: Those that have a mean over seeds.
        of_runs: Those of the runs.
    """
    charts = [_margin(tag, *interval_tags(tag)) for tag in tags]
    means = _section("Mean over seeds with its 95 % interval", charts)
    layout = Layout(category=[means, *run_layout(of_runs).category])
    for section in layout.category[1:]:
        section.closed = True
    return layout


def interval_tags(tag: str) -> tuple[str, str, str]:
    """Return the tags of the mean over seeds of a tag, and of the ends of its interval."""
    return (
        f"{OVER_SEEDS}/{tag}/mean",
        f"{OVER_SEEDS}/{tag}/low",
        f"{OVER_SEEDS}/{tag}/high",
    )


def layout_record(layout: Layout) -> Summary.Value:
    """Return a layout as an entry of an event file."""
    return Summary.Value(
        tag=metadata.CONFIG_SUMMARY_TAG,
        metadata=metadata.create_summary_metadata(),
        tensor=make_tensor_proto(layout.SerializeToString()),
    )


def _thresholds_over_inputs(tags: Collection[str]) -> Iterable[Chart]:
    for tag in tags:
        value, found = among_inputs(tag), take_apart(tag)
        if value is None or found is None:
            continue
        low, high = INPUTS_BESIDE[found.name]
        ends = [f"activation_quantile/{found.site}/{end}" for end in (low, high)]
        if all(end in tags for end in ends):
            title = f"{found.site}: {found.name} threshold over its inputs, {low} to {high}"
            yield _margin(title, value, *ends)


def _section(title: str, charts: Sequence[Chart]) -> Category:
    # The page shows those of lines first, then those with margins, the last of them first.
    lines = [chart for chart in charts if chart.HasField("multiline")]
    margins = [chart for chart in charts if chart.HasField("margin")]
    return Category(title=title, chart=[*lines, *reversed(margins)])


def _lines(title: str, pattern: str) -> Chart:
    return Chart(title=title, multiline=MultilineChartContent(tag=[pattern]))


def _margin(title: str, value: str, lower: str, upper: str) -> Chart:
    series = MarginChartContent.Series(value=value, lower=lower, upper=upper)
    return Chart(title=title, margin=MarginChartContent(series=[series]))
