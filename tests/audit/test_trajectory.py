"""Reading a threshold's way through a run from journal records."""

import pytest

from clipbench.audit.trajectory import Spread, trajectory_of


def record(step, **scalars):
    return {"step": step, "epoch": 0, "time": 0.0, "scalars": scalars}


def test_values_gradients_rates_and_the_last_window():
    records = [
        record(0, **{"threshold/fc/upper": 1.0, "threshold/other/upper": 9.0}),
        record(
            2,
            **{"learning_rate": 0.5, "threshold/fc/upper": 2.0, "threshold_grad/fc/upper": -4.0},
        ),
        record(2, **{"gradient_window/fc/upper": 0.5, "val/loss": 1.0}),
        record(5, **{"learning_rate": 0.1, "threshold/fc/upper": 3.0}),
        record(5, **{"gradient_window/fc/upper": 0.25}),
    ]
    read = trajectory_of(records, subject="fc/upper", rate_scale=2.0)
    assert read.start == Spread(1.0, 1.0, 1.0)
    assert read.end == Spread(3.0, 3.0, 3.0)
    assert [sample.step for sample in read.samples] == [2, 5]
    assert read.gradients() == [4.0]
    assert read.window == 0.25
    assert read.stretches() == [(1.0, 2), (0.2, 3)]
    assert read.budget() == pytest.approx(2 * (2 * 0.5 + 3 * 0.1))


def test_channels_are_read_by_mean_least_and_greatest():
    def parts(tag, *numbers):
        return dict(zip([f"{tag}/{part}" for part in ("mean", "min", "max")], numbers, strict=True))

    records = [
        record(0, **parts("threshold/fc/upper", 1.0, 0.5, 2.0)),
        record(
            1,
            learning_rate=1.0,
            **parts("threshold/fc/upper", 1.5, 0.5, 2.5),
            **parts("threshold_grad/fc/upper", 0.0, -3.0, 2.0),
        ),
    ]
    read = trajectory_of(records, subject="fc/upper", rate_scale=1.0)
    assert read.start == (1.0, 0.5, 2.0)
    assert read.end == (1.5, 0.5, 2.5)
    assert read.gradients() == [3.0]
    assert read.window is None


def test_a_threshold_that_no_step_recorded_has_no_trajectory():
    records = [record(0, **{"threshold/fc/upper": 1.0}), record(1, learning_rate=0.1)]
    assert trajectory_of(records, subject="fc/upper", rate_scale=1.0) is None
