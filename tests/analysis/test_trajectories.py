"""Which sites and thresholds are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from clipbench.analysis.history import History, Series
from clipbench.analysis.palette import Look
from clipbench.analysis.trajectories import Trained, placed_sites, spread_out

ONE = Series(np.array([0]), np.array([1.0]))


def trained(*tags):
    return Trained("a", Look("#000000", "o"), [History(dict.fromkeys(tags, ONE))])


def test_channels_are_shown_by_their_mean():
    one = trained("threshold/c1/upper/mean", "threshold/c1/upper/min", "threshold/c1/upper/max")
    assert one.thresholds() == {"c1": ["threshold/c1/upper/mean"]}


def test_only_bounds_stand_on_the_axis_of_the_activations():
    one = trained("threshold/a/slope", "threshold/b/upper", "threshold/c/lower/mean", "val/loss")
    assert placed_sites(one) == ["b", "c"]


@pytest.mark.parametrize(("count", "shown"), [(1, [0]), (4, [0, 1, 2, 3]), (19, [0, 6, 12, 18])])
def test_of_many_sites_some_are_shown_with_the_first_and_the_last(count, shown):
    assert spread_out([str(k) for k in range(count)], 4) == [str(k) for k in shown]
