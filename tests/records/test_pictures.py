"""The pictures of a run: right counts, right order, one picture whatever the data holds."""

from __future__ import annotations

import numpy as np
import pytest

from clipbench.records.confusion import confusion_counts, confusion_picture
from clipbench.records.drawing import BLUE, GREEN, RED, mixed
from clipbench.records.journal import Record
from clipbench.records.mistakes import MOST, mistakes_picture, worst_mistakes
from clipbench.records.threshold_picture import MOST_SITES, sites_of, threshold_picture
from tests.records.written import histogram

RNG = np.random.default_rng(0)


def _is_picture(pixels: np.ndarray) -> bool:
    return pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8


def test_confusions_are_counted_by_label_and_answer() -> None:
    labels, answers = RNG.integers(0, 4, 300), RNG.integers(0, 4, 300)
    counts = confusion_counts(labels, answers, num_classes=4)
    for row in range(4):
        for column in range(4):
            assert counts[row, column] == np.sum((labels == row) & (answers == column))


@pytest.mark.parametrize("classes", [2, 10, 20, 100])
def test_a_mistake_is_red_and_what_is_right_is_blue(classes: int) -> None:
    counts = 5 * np.eye(classes, dtype=np.int64)
    names = [f"class {index}" for index in range(classes)]
    right = confusion_picture(counts, names)
    counts[0, 1] = 3
    wrong = confusion_picture(counts, names)
    assert _is_picture(wrong)
    assert right.shape == wrong.shape
    red = (wrong == mixed(RED, 0.85)).all(axis=2)
    assert red.any()
    assert not (right == mixed(RED, 0.85)).all(axis=2).any()
    assert (right == mixed(BLUE, 0.85)).all(axis=2).any()
    # Above the diagonal: the first row, the second column.
    places = np.argwhere((wrong != right).any(axis=2))
    below_title = places[places[:, 0] > 40]
    assert below_title.min(axis=0)[0] <= np.argwhere(red).min(axis=0)[0]


def test_a_matrix_of_nothing_is_a_picture_too() -> None:
    assert _is_picture(confusion_picture(np.zeros((3, 3), dtype=np.int64), ["a", "b", "c"]))


def test_the_surest_mistakes_come_first() -> None:
    labels = np.array([0, 1, 2, 3, 4, 5])
    answers = np.array([0, 2, 2, 0, 0, 0])
    sure = np.array([0.99, 0.5, 0.99, 0.7, 0.9, 0.7])
    assert worst_mistakes(labels, answers, sure).tolist() == [4, 3, 5, 1]
    assert worst_mistakes(labels, labels, sure).tolist() == []
    many = worst_mistakes(np.zeros(100, int), np.ones(100, int), RNG.random(100))
    assert len(many) == MOST


@pytest.mark.parametrize(("count", "channels", "size"), [(1, 1, 8), (7, 3, 32), (24, 1, 200)])
def test_mistakes_show_their_images(count: int, channels: int, size: int) -> None:
    images = RNG.integers(0, 256, (count, channels, size, size), dtype=np.uint8)
    names = [f"a long name of class {index}" for index in range(count)]
    pixels = mistakes_picture(
        images, labels=names, answers=names, confidences=np.linspace(1, 0, count).tolist()
    )
    assert _is_picture(pixels)
    times = max(1, 84 // size)
    tile = images[0].transpose(1, 2, 0).repeat(times, 0).repeat(times, 1)[:84, :84]
    shown = pixels[48 : 48 + len(tile), 10 : 10 + len(tile)]
    assert np.array_equal(shown, np.broadcast_to(tile, shown.shape))


def _records(names: dict[str, list[str]], *, quantiles: bool = True) -> list[Record]:
    """Two epochs of thresholds by site, with or without what the probes see."""
    records: list[Record] = []
    for epoch in (0, 1, 2):
        scalars = {f"threshold/{site}/{one}": 1.0 + epoch for site in names for one in names[site]}
        record = Record(step=10 * epoch, epoch=epoch, time=1e9, scalars=scalars)
        if epoch > 0 and quantiles:
            for q, value in zip(("q01", "q50", "q90", "q99", "q999"), range(-1, 4), strict=True):
                scalars |= {f"activation_quantile/{site}/{q}": float(value) for site in names}
            record["histograms"] = {f"activation/{site}": histogram(-2.0, 5.0) for site in names}
        records.append(record)
    return records


def test_sites_with_a_threshold_on_the_axis_are_gathered() -> None:
    records = _records({"a": ["upper", "lower"], "b": ["slope"], "c": ["upper/mean", "upper/max"]})
    one, other = sites_of(records)
    assert (one.name, other.name) == ("a", "c")
    assert one.thresholds["upper"] == one.thresholds["lower"] == ([0, 10, 20], [1.0, 2.0, 3.0])
    assert list(other.thresholds) == ["upper"]
    assert one.quantiles["q99"] == ([10, 20], [2.0, 2.0])
    assert one.histogram == histogram(-2.0, 5.0)
    assert sites_of(_records({"b": ["slope"]})) == []


@pytest.mark.parametrize("quantiles", [True, False])
def test_thresholds_are_drawn_through_the_steps_and_over_the_histogram(quantiles: bool) -> None:
    pixels = threshold_picture(sites_of(_records({"a": ["upper", "lower"]}, quantiles=quantiles)))
    assert _is_picture(pixels)
    for color in (GREEN,):  # drawn last, so that nothing lies over it
        columns = np.unique(np.argwhere((pixels == color).all(axis=2))[:, 1])
        assert columns.min() < 50
        assert columns.max() > 278
    # Over the histogram the line stands at the last value, 3, on the axis from -2 or so to 5.
    marks = np.argwhere((pixels[66:150, 279:389] == GREEN).all(axis=2))[:, 1]
    assert len(np.unique(marks)) <= 4
    bars = (pixels == mixed(BLUE, 0.5)).all(axis=2).any()
    assert bars == quantiles


def test_many_sites_are_cut_and_values_that_are_not_finite_are_no_trouble() -> None:
    names = {f"layer{index}": ["upper"] for index in range(MOST_SITES + 3)}
    records = _records(names)
    for record in records[1:]:
        record["scalars"]["threshold/layer0/upper"] = float("nan")
    records[2]["scalars"]["activation_quantile/layer0/q999"] = float("inf")
    few = threshold_picture(sites_of(_records({"a": ["upper"]})))
    many = threshold_picture(sites_of(records))
    assert many.shape[0] - few.shape[0] == (MOST_SITES - 1) * 138
