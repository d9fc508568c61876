"""The archives of CIFAR: planes become images, and no pickle gets to run anything."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from clipbench.data import cifar_family
from clipbench.data.arrays import Arrays
from clipbench.data.cifar_family import decode, from_official, read_batch
from clipbench.data.sources import SourceError
from tests.data.tiny_files import colour, pickled_batch, tarball

ARRAYS = colour()


def archive(key: str = "labels") -> bytes:
    half = len(ARRAYS.train_images) // 2
    return tarball(
        {
            "base/one": pickled_batch(
                ARRAYS.train_images[:half], ARRAYS.train_labels[:half], key=key
            ),
            "base/two": pickled_batch(
                ARRAYS.train_images[half:], ARRAYS.train_labels[half:], key=key
            ),
            "base/test": pickled_batch(ARRAYS.test_images, ARRAYS.test_labels, key=key),
        }
    )


def assert_same(found: Arrays) -> None:
    for part in Arrays._fields:
        assert np.array_equal(getattr(found, part), getattr(ARRAYS, part))
        assert getattr(found, part).dtype == np.uint8


@pytest.mark.parametrize("key", ["labels", "fine_labels"])
def test_batches_are_joined_in_order(key):
    found = decode(archive(key), train=["base/one", "base/two"], test=["base/test"], labels=key)
    assert_same(found)


def test_from_a_mirror(monkeypatch):
    monkeypatch.setattr(cifar_family, "official", lambda dataset: dataset)
    monkeypatch.setattr(cifar_family, "from_mirrors", lambda dataset: {dataset: archive()})
    assert_same(
        from_official("C", train=["base/one", "base/two"], test=["base/test"], labels="labels")
    )


def test_the_pixel_at_a_place_is_that_of_the_planes():
    planes = np.zeros((1, 3072), dtype=np.uint8)
    planes[0, 1024 * 1 + 32 * 5 + 7] = 200  # green, row 5, column 7
    images, labels = read_batch(pickle.dumps({"data": planes, "labels": [3]}), labels="labels")
    assert np.argwhere(images).tolist() == [[0, 5, 7, 1]]
    assert labels.tolist() == [3]


def python2_batch(planes: np.ndarray, labels: list[int]) -> bytes:
    """Write a batch by hand in the opcodes of Python 2, whose strings are bytes."""

    def text(content: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(content)) + content

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    dtype = b"cnumpy\ndtype\n(" + text(b"u1") + number(0) + number(1) + b"tR("
    dtype += number(3) + text(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(" + number(0) + b"t"
    array += text(b"b") + b"tR(" + number(1) + b"(" + b"".join(map(number, planes.shape)) + b"t"
    array += dtype + b"\x89" + text(planes.tobytes()) + b"tb"
    listed = b"](" + b"".join(map(number, labels)) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + listed + b"u."


def test_a_pickle_of_python_2_is_read_without_a_warning():
    draw = np.random.default_rng(0)
    planes = draw.integers(0, 256, (2, 3072), dtype=np.uint8)
    images, labels = read_batch(python2_batch(planes, [7, 255]), labels="labels")
    assert np.array_equal(images.transpose(0, 3, 1, 2).reshape(2, 3072), planes)
    assert labels.tolist() == [7, 255]


class Runs:
    """Pickles as a call."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("place", ["whole", "data", "labels"])
def test_no_call_in_a_pickle_is_made(tmp_path: Path, protocol, place):
    marker = tmp_path / "marker"
    for call in (
        Runs(os.mkdir, str(marker)),
        Runs(eval, f"__import__('os').mkdir({str(marker)!r})"),
        Runs(np.fromfile, str(marker)),
        Runs(getattr, "text", "upper"),
    ):
        batch = {"data": np.zeros((1, 3072), np.uint8), "labels": [1]} | {place: call}
        content = pickle.dumps(call if place == "whole" else batch, protocol=protocol)
        with pytest.raises(SourceError, match="it asks for"):
            read_batch(content, labels="labels")
    assert not marker.exists()


GOOD = np.zeros((2, 3072), dtype=np.uint8)


@pytest.mark.parametrize(
    "batch",
    [
        None,
        [1, 2],
        {"data": GOOD},
        {"labels": [1, 2]},
        {"data": GOOD.tolist(), "labels": [1, 2]},
        {"data": GOOD.astype(np.int64), "labels": [1, 2]},
        {"data": GOOD[:, :-1], "labels": [1, 2]},
        {"data": GOOD, "labels": [1]},
        {"data": GOOD, "labels": [1, 256]},
        {"data": GOOD, "labels": [1, -1]},
        {"data": GOOD, "labels": [1, 0.5]},
        {"data": GOOD, "labels": [[1], [2, 3]]},
    ],
)
def test_batches_of_another_form_are_refused(batch):
    with pytest.raises(SourceError, match="batch of the archive"):
        read_batch(pickle.dumps(batch), labels="labels")


def test_every_truncation_is_refused():
    content = pickled_batch(ARRAYS.test_images[:1], ARRAYS.test_labels[:1])
    for length in range(0, len(content), 7):
        with pytest.raises(SourceError):
            read_batch(content[:length], labels="labels")
