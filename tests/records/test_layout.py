"""The charts, as the page reads their layout: which tags each draws."""

from __future__ import annotations

import re

from clipbench.records.layout import Chart, interval_tags, run_layout, summary_layout

TAGS = [
    "threshold/fc1/upper", "threshold/fc2/lower/mean", "threshold/fc2/lower/min",
    "threshold/fc2/lower/max", "threshold/fc3/slope", "threshold/fc4/upper",
    *(f"activation_quantile/{site}/{q}" for site in ("fc1", "fc2", "fc3")
      for q in ("q01", "q50", "q99")),
    "sparsity/fc1", "sparsity/fc2", "sparsity/mean", "sparsity/elements", "saturation/fc1",
    "saturation/mean", "train/loss", "val/loss", "train/accuracy", "val/accuracy", "test/loss",
    "sparsity_next/fc1", "threshold_grad/fc1/upper", "train/penalty",
]  # fmt: skip


def _shown(chart: Chart) -> set[str]:
    """What the page would draw of the tags: it matches from the start, as ``re.match`` does."""
    lines = {tag for tag in TAGS for one in chart.multiline.tag if re.match(one, tag)}
    series = chart.margin.series
    return lines | {tag for one in series for tag in (one.value, one.lower, one.upper)}


def test_each_chart_of_a_run_shows_what_its_title_says() -> None:
    sections = {section.title: section.chart for section in run_layout(TAGS).category}
    assert list(sections) == ["Thresholds", "Sparsity", "Train against validation"]
    shown = {chart.title: _shown(chart) for charts in sections.values() for chart in charts}
    assert shown == {
        "thresholds of all sites": {
            "threshold/fc1/upper", "threshold/fc2/lower/mean", "threshold/fc3/slope",
            "threshold/fc4/upper",
        },
        "fc1: upper threshold over its inputs, q50 to q99": {
            "threshold_by_epoch/fc1/upper",
            "activation_quantile/fc1/q50", "activation_quantile/fc1/q99",
        },
        "fc2: lower threshold over its inputs, q01 to q50": {
            "threshold_by_epoch/fc2/lower", "activation_quantile/fc2/q01",
            "activation_quantile/fc2/q50",
        },
        "share of zeros at all sites": {"sparsity/fc1", "sparsity/fc2"},
        "share of inputs at or beyond a threshold": {"saturation/fc1"},
        "loss": {"train/loss", "val/loss"},
        "accuracy": {"train/accuracy", "val/accuracy"},
    }  # fmt: skip


def test_the_page_shows_charts_with_margins_last_first() -> None:
    layout = summary_layout(["val/accuracy", "val/loss"], of_runs=TAGS)
    section, *others = layout.category
    assert [part.closed for part in layout.category] == [False, True, True, True]
    for part in others:
        part.closed = False
    assert others == list(run_layout(TAGS).category)
    assert [chart.title for chart in section.chart] == ["val/loss", "val/accuracy"]
    assert [_shown(chart) for chart in section.chart] == [
        set(interval_tags("val/loss")),
        set(interval_tags("val/accuracy")),
    ]
    titles = [[chart.title for chart in other.chart] for other in others]
    assert titles == [
        [
            "thresholds of all sites",
            "fc2: lower threshold over its inputs, q01 to q50",
            "fc1: upper threshold over its inputs, q50 to q99",
        ],
        ["share of zeros at all sites", "share of inputs at or beyond a threshold"],
        ["loss", "accuracy"],
    ]


def test_the_tags_of_an_interval_are_taken_by_nothing_else() -> None:
    tags = [tag for one in TAGS for tag in interval_tags(one)]
    assert len(set(tags)) == 3 * len(TAGS)
    patterns = [
        pattern
        for section in run_layout(TAGS).category
        for chart in section.chart
        for pattern in chart.multiline.tag
    ]
    assert not [tag for tag in tags for pattern in patterns if re.match(pattern, tag)]
