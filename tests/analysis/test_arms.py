"""A seed gives its number or its reason, never neither."""

from __future__ import annotations

import math

from clipbench.analysis.arms import gather
from clipbench.analysis.labels import labels
from tests.analysis.made import made


def _arm(runs, metric="test/accuracy"):
    (arm,) = gather(runs, metric=metric, labels=labels(runs))
    return arm


def test_every_seed_is_a_value_or_lost():
    arm = _arm(
        [
            made(seed=4, accuracy=0.8),
            made(seed=0, accuracy=0.9),
            made(seed=1, accuracy=None, status="diverged", cause="loss is nan\nat step 3"),
            made(seed=2, accuracy=None, status="running"),
            made(seed=3, accuracy=math.nan),
            made(seed=5, accuracy=0.1, tag="val/accuracy"),
            made(seed=6, accuracy=0.99, status="failed", cause="killed"),
        ]
    )
    assert arm.values == {0: 0.9, 4: 0.8}
    assert arm.lost == {
        1: "diverged: loss is nan",
        2: "running",
        3: "test/accuracy is nan",
        5: "finished without test/accuracy",
        6: "failed: killed",
    }
    assert list(arm.runs) == list(range(7))
    assert (arm.estimate.n, arm.label, arm.clip) == (2, "relu", "relu")


def test_of_several_runs_of_a_seed_the_last_finished_counts_and_not_the_best():
    runs = [made(accuracy=0.95), made(accuracy=0.9), made(accuracy=None, status="failed")]
    arm = _arm([*runs, made(seed=1)])
    assert arm.values[0] == 0.9
    assert arm.repeated == {0: 3}
    assert arm.lost == {}


def test_arms_stand_in_the_order_of_their_runs():
    runs = [made("pact"), made("relu"), made("pact", 1)]
    arms = gather(runs, metric="test/accuracy", labels=labels(runs))
    assert [(arm.label, list(arm.values)) for arm in arms] == [("pact", [0, 1]), ("relu", [0])]
