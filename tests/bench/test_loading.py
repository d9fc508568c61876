"""Data: batches a second with and without augmentation, over whole epochs."""

import pytest

from clipbench.bench.loading import loading_row, usual_augment
from tests.training.tiny import tiny_batches, tiny_data


def test_a_row_has_the_loading_and_both_rates():
    asked, loads = [], []

    def batches_of(augment):
        asked.append(augment)
        batches = tiny_batches(tiny_data())
        batches.augment = augment
        return batches

    row = loading_row(
        "tiny",
        lambda: loads.append(1) or tiny_data(),
        batches_of,
        usual_augment(8),
        turns=2,
        told=lambda: None,
    )
    assert asked == [None, usual_augment(8)]
    assert len(loads) == 3
    plain, augmented = row.measures["batches"].values, row.measures["augmented"].values
    assert row.measures["augmented to plain"].values == pytest.approx(
        [a / b for a, b in zip(plain, augmented, strict=True)]
    )


def test_the_usual_crop_is_an_eighth_and_never_nothing():
    assert [usual_augment(size).crop for size in (4, 8, 28, 32)] == [1, 1, 3, 4]
