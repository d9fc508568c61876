import pytest

from clipbench.records.threshold_tags import (
    among_inputs,
    first_values,
    movement,
    take_apart,
    typical,
)


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("threshold/conv1/upper", ("conv1", "upper", None)),
        ("threshold/layer1.0.conv2/lower/max", ("layer1.0.conv2", "lower", "max")),
        ("threshold//upper", ("", "upper", None)),
        ("threshold/fc1/upper_slope/mean", ("fc1", "upper_slope", "mean")),
    ],
)
def test_a_tag_is_taken_apart(tag, parts):
    assert take_apart(tag) == parts
    assert typical(tag) == (parts[2] != "max")


@pytest.mark.parametrize(
    "tag",
    ["threshold_grad/a/upper", "threshold_movement/mean", "threshold/a", "val/loss",
     "threshold/a/upper/q99", "test/threshold/a/upper"],
)  # fmt: skip
def test_other_tags_are_none(tag):
    assert take_apart(tag) is None
    assert not typical(tag)


def test_movement_is_the_mean_over_thresholds_and_of_channels_the_most():
    start = {"threshold/a/upper": 1.0, "val/loss": 3.0, "threshold/gone/upper": 1.0}
    start |= {f"threshold/b/upper/{part}": 1.0 for part in ("mean", "min", "max")}
    end = {"threshold/a/upper": 0.5, "val/loss": 9.0, "threshold/new/upper": 7.0}
    end |= {"threshold/b/upper/mean": 1.1, "threshold/b/upper/min": 0.0,
            "threshold/b/upper/max": 1.2}  # fmt: skip
    assert movement(start, end) == pytest.approx((0.5 + 1.0) / 2)
    assert movement(start, start) == 0.0
    assert movement({"val/loss": 1.0}, {"val/loss": 2.0}) is None


def test_the_first_value_of_each_threshold_counts():
    samples = [{"val/loss": 1.0}, {"threshold/a/upper": 1.0}]
    samples += [{"threshold/a/upper": 2.0, "threshold/b/upper": 3.0}]
    assert first_values(samples) == {"threshold/a/upper": 1.0, "threshold/b/upper": 3.0}


@pytest.mark.parametrize(
    ("tag", "shown"),
    [
        ("threshold/fc1/upper", "threshold_by_epoch/fc1/upper"),
        ("threshold/fc1/lower/mean", "threshold_by_epoch/fc1/lower"),
        ("threshold/fc1/lower/max", None),
        ("threshold/fc1/slope", None),
        ("val/loss", None),
        ("threshold_by_epoch/fc1/upper", None),
    ],
)
def test_only_whole_thresholds_on_the_axis_are_shown_among_inputs(tag, shown):
    assert among_inputs(tag) == shown
