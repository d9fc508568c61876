"""Pairs are formed on shared seeds; a seed missing on either side is named."""

from __future__ import annotations

import pytest

from clipbench.analysis.arms import Arm
from clipbench.analysis.pairs import pair
from tests.analysis.made import made


def _arm(label, values, lost=()):
    runs = {seed: made(label, seed) for seed in (*values, *lost)}
    return Arm(label, runs=runs, values=dict(values), lost=dict.fromkeys(lost, "diverged"))


def test_shared_seeds_are_subtracted_and_all_others_are_named():
    a = _arm("pact", {0: 0.9, 2: 0.8, 3: 0.7}, lost=(1, 4))
    b = _arm("relu", {2: 0.5, 0: 0.6, 1: 0.5, 5: 0.4}, lost=(4,))
    found = pair(a, b)
    assert found.differences == pytest.approx({0: 0.3, 2: 0.3})
    assert list(found.differences) == [0, 2]
    assert found.n == 2
    assert found.missing == {
        1: "pact: diverged",
        3: "relu: no run",
        4: "pact: diverged, relu: diverged",
        5: "pact: no run",
    }


def test_swapping_the_sides_turns_every_sign():
    a, b = _arm("pact", {0: 0.9, 1: 0.5}), _arm("relu", {0: 0.6, 1: 0.8})
    turned = {seed: -value for seed, value in pair(b, a).differences.items()}
    assert pair(a, b).differences == turned
