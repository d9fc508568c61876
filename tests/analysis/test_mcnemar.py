"""McNemar's test, one seed and several: each image counts once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clipbench.analysis.mcnemar import disagreement, exact_p
from clipbench.analysis.predictions import Predictions

LABELS = np.zeros(400, dtype=int)


def _right(share, seed):
    wrong = np.random.default_rng(seed).random(LABELS.size) >= share
    return Predictions(LABELS, wrong.astype(int))


def _answers(text):
    """Make predictions from a picture: ``+`` right, ``-`` wrong."""
    return Predictions(np.zeros(len(text), dtype=int), np.array([int(c == "-") for c in text]))


@given(st.integers(0, 40), st.integers(0, 40))
def test_p_is_the_binomial_tail(only_a, only_b):
    theirs = 1.0 if only_a + only_b == 0 else stats.binomtest(only_a, only_a + only_b).pvalue
    assert exact_p(only_a, only_b) == pytest.approx(theirs)
    assert exact_p(only_a, only_b) == exact_p(only_b, only_a)


def test_one_seed_by_hand():
    found = disagreement({0: _answers("++++-+--")}, {0: _answers("+---++--")})
    # 3 images for A, 1 for B: p = 2 * (1 + 4) / 16
    assert found.pooled is not None
    assert (found.pooled.only_a, found.pooled.only_b, found.pooled.images) == (3, 1, 8)
    assert found.pooled.p == pytest.approx(0.625)
    assert found.seeds == {0: found.pooled}


def test_an_image_votes_once_over_all_seeds():
    a = {0: _answers("++-+"), 1: _answers("+--+"), 2: _answers("++++")}
    b = {0: _answers("--++"), 1: _answers("-++-"), 2: _answers("--++")}
    found = disagreement(a, b)
    # margins over seeds: +3, +1 (right 2 times against 1), -2, +1
    assert found.pooled is not None
    assert (found.pooled.only_a, found.pooled.only_b) == (3, 1)
    assert [(votes.only_a, votes.only_b) for votes in found.seeds.values()] == [
        (2, 1),
        (2, 2),
        (2, 0),
    ]


def test_the_same_images_ten_times_are_no_more_evidence():
    a, b = _right(0.9, seed=1), _right(0.85, seed=2)
    once = disagreement({0: a}, {0: b}).pooled
    assert disagreement(dict.fromkeys(range(10), a), dict.fromkeys(range(10), b)).pooled == once


def test_the_sides_can_be_swapped():
    a = {seed: _right(0.9, seed) for seed in range(3)}
    b = {seed: _right(0.9, 10 + seed) for seed in range(3)}
    ours, theirs = disagreement(a, b).pooled, disagreement(b, a).pooled
    assert ours is not None
    assert theirs is not None
    assert (ours.only_a, ours.only_b, ours.p) == (theirs.only_b, theirs.only_a, theirs.p)


def test_equal_networks_are_told_apart_as_often_as_chance_allows():
    generator = np.random.default_rng(0)
    found = []
    for _ in range(1500):
        hard = 0.5 + generator.random(LABELS.size) / 2  # images differ, as in life
        wrong = generator.random((2, 3, LABELS.size)) >= hard
        sides = [{s: Predictions(LABELS, w.astype(int)) for s, w in enumerate(x)} for x in wrong]
        pooled = disagreement(*sides).pooled
        assert pooled is not None
        found.append(pooled.p <= 0.05)
    assert 0.01 <= np.mean(found) <= 0.06


def test_only_shared_seeds_count_and_none_is_said():
    a, b = {0: _answers("+-"), 1: _answers("++")}, {1: _answers("+-"), 2: _answers("--")}
    assert list(disagreement(a, b).seeds) == [1]
    nothing = disagreement({0: _answers("+")}, {1: _answers("+")})
    assert nothing.pooled is None
    assert nothing.seeds == {}


def test_other_images_are_refused():
    other = Predictions(np.array([0, 1]), np.array([0, 1]))
    with pytest.raises(ValueError, match="seed 1"):
        disagreement({0: _answers("++"), 1: _answers("++")}, {0: _answers("++"), 1: other})
