"""Which way is better, and how numbers are written."""

from __future__ import annotations

import pytest

from clipbench.analysis.metrics import amount, number, word


@pytest.mark.parametrize(
    ("tag", "more", "less"),
    [
        ("test/accuracy", "better", "worse"),
        ("speed/images_per_second", "better", "worse"),
        ("val/loss", "worse", "better"),
        ("seconds/train", "worse", "better"),
        ("sparsity/mean", "higher", "lower"),
        ("threshold/conv1/upper", "higher", "lower"),
    ],
)
def test_the_word_for_a_difference(tag, more, less):
    assert (word(tag, 0.1), word(tag, -0.1)) == (more, less)


@pytest.mark.parametrize(
    ("tag", "value", "text"),
    [
        ("test/accuracy", 0.0042, "0.42 points"),
        ("test/accuracy", -0.1, "-10.00 points"),
        ("test/accuracy", 0.0, "0.00 points"),
        ("dead_units/conv1", 0.000099, "0.0099 points"),
        ("grad_norm/threshold_share", 0.5, "50.00 points"),
        ("test/loss", 0.0123456, "0.0123"),
        ("threshold/fc/upper", 12.0, "12"),
    ],
)
def test_an_amount_is_written_with_its_unit(tag, value, text):
    assert amount(tag, value) == text
    assert text.startswith(number(tag, value))
