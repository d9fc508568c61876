"""Saved predictions reach McNemar's test, and what is missing is named."""

from __future__ import annotations

import numpy as np
import pytest

from clipbench.analysis.comparison import compare
from clipbench.analysis.disagreements import disagreements
from clipbench.analysis.load import load_runs
from clipbench.analysis.mcnemar import exact_p
from tests.analysis.stored import LABELS, store_arms


@pytest.fixture
def tree(tmp_path):
    return store_arms(tmp_path, {"relu": [0.9, 0.8], "pact": [0.96, 0.8], "silu": [0.7, 0.7]})


def found_in(tree):
    (comparison,) = compare(load_runs([tree]))
    return disagreements(comparison)


def test_votes_are_counted_image_by_image(tree):
    found = found_in(tree)
    assert found.notes == []
    # of 50 images pact has 48 and relu 45 right on seed 0, and the same on seed 1
    first = found.by_label["pact"].seeds[0]
    assert (first.only_a, first.only_b, first.images) == (3, 0, 50)
    pooled = found.by_label["silu"].pooled
    assert (pooled.only_a, pooled.only_b) == (0, 10)
    assert pooled.p == exact_p(0, 10) == pytest.approx(2 / 2**10)


def test_a_run_without_predictions_is_left_out_and_named(tree):
    (tree / "clip=pact" / "seed=0" / "predictions.npz").unlink()
    found = found_in(tree)
    assert list(found.by_label["pact"].seeds) == [1]
    (note,) = found.notes
    assert note.startswith("McNemar's test leaves out seed 0 of pact: ")


def test_other_test_images_are_not_compared(tree):
    other = (LABELS + 1) % 10
    file = tree / "clip=pact" / "seed=0" / "predictions.npz"
    np.savez_compressed(file, labels=other, predictions=other)
    found = found_in(tree)
    assert "pact" not in found.by_label
    assert "silu" in found.by_label
    assert any("pact" in note and "same test labels" in note for note in found.notes)
