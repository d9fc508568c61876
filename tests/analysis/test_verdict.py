"""The sentence for each kind of finding."""

from __future__ import annotations

import pytest

from clipbench.analysis.comparison import compare
from clipbench.analysis.verdict import verdict
from tests.analysis.made import arms_of, made

RELU = [0.90, 0.91, 0.92, 0.90, 0.91]


def _said(accuracies, lost=(), **kwargs):
    runs = arms_of(accuracies) + [made("pact", seed, None, status="failed") for seed in lost]
    (family,) = compare(runs, **kwargs)
    return verdict(family.rows[0], family)


def _shifted(*points):
    return {
        "relu": RELU,
        "pact": [base + shift / 100 for base, shift in zip(RELU, points, strict=False)],
    }


def test_a_difference_is_stated_with_its_interval():
    # mean 0.4, sd 0.1581, reach 2.776 * 0.1581 / sqrt(5) = 0.196
    assert (
        _said(_shifted(0.2, 0.3, 0.4, 0.5, 0.6)) == "better than relu by 0.40 points [0.20, 0.60]"
    )
    assert _said(_shifted(-0.2, -0.3, -0.4, -0.5, -0.6)) == (
        "worse than relu by 0.40 points [0.20, 0.60]"
    )


def test_a_small_loss_is_better_and_a_sparsity_only_lower():
    for tag, said in (("test/loss", "better than"), ("sparsity/mean", "lower than")):
        runs = [
            made(clip, seed, base + 0.01 * seed, tag=tag)
            for clip, base in (("relu", 0.5), ("pact", 0.3))
            for seed in (0, 1)
        ]
        runs += [made("relu", 2, 0.53, tag=tag), made("pact", 2, 0.32, tag=tag)]
        (family,) = compare(runs, metric=tag)
        assert verdict(family.rows[0], family).startswith(f"{said} relu by ")


def test_what_cannot_be_told_apart_says_what_it_would_take():
    noisy = _shifted(1.0, -0.4, 0.8, -0.5, 0.6)
    # effect 0.3 / 0.7: 45 pairs find it with 80 % power
    assert _said(noisy) == (
        "not distinguishable from relu at n=5; about 40 more seeds would settle 0.30 points"
    )
    assert _said(noisy, settle=0.02) == (
        "not distinguishable from relu at n=5; 2.00 points would probably have shown"
    )
    assert _said(noisy, settle=0.00001) == (
        "not distinguishable from relu at n=5; 1000 seeds would not settle 0.001 points"
    )


def test_a_mean_of_zero_names_what_would_show():
    even = {"relu": [0.5, 0.5], "pact": [0.75, 0.25]}
    assert _said(even).startswith("not distinguishable from relu at n=2; it takes ")


def test_a_finding_that_the_correction_takes_back_says_so():
    accuracies = _shifted(0.2, 0.1, 0.5, 0.3, 0.05)
    assert _said(accuracies).startswith("better than relu")
    family = accuracies | {f"other{k}": RELU for k in range(7)}
    said = _said(family)
    assert said.startswith(
        "not distinguishable from relu at n=5 after correction for 8 comparisons; about "
    )
    assert said.endswith("more seeds would settle 0.23 points")


def test_one_seed_and_no_seed_give_no_verdict():
    assert _said(_shifted(0.3)) == (
        "better than relu by 0.30 points on the one shared seed, which shows no noise; "
        "without seeds 1, 2, 3, 4"
    )
    assert _said({"relu": RELU}, lost=(0, 1)).startswith(
        "no seed in common with relu, so nothing to compare; without seeds 0, 1, 2, 3, 4"
    )


def test_equal_differences_are_not_called_sure():
    assert _said(_shifted(0.5, 0.5, 0.5)) == (
        "better than relu by 0.50 points on each of 3 seeds, without variation to test; "
        "without seeds 3, 4"
    )
    assert _said({"relu": RELU, "pact": RELU}) == (
        "equal to relu on each of 5 seeds, without variation to test"
    )


@pytest.mark.parametrize(
    ("lost", "ending"),
    [((5,), "; without seed 5"), (range(5, 12), "; without seeds 5, 6, 7, 8, 9, 10 and 1 more")],
)
def test_lost_seeds_are_named(lost, ending):
    assert _said(_shifted(0.2, 0.3, 0.4, 0.5, 0.6), lost=lost).endswith(ending)


def test_enough_seeds_are_not_asked_for_none_more():
    noisy = _shifted(1.0, -0.4, 0.8, -0.5, 0.6)
    just_enough = 1.000001 * compare(arms_of(noisy))[0].rows[0].detectable
    assert _said(noisy, settle=just_enough).endswith(" points would probably have shown")
    assert "about 1 more seed would" in _said(noisy, settle=0.95 * just_enough)
