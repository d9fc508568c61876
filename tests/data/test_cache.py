"""The cache on the disk: what was written comes back, and damage never does."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest

from clipbench.data import cache
from clipbench.data.arrays import Arrays, digests
from tests.data.tiny_files import grey

ARRAYS = grey()
SHAPES = {part: array.shape for part, array in ARRAYS._asdict().items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "root" / "tiny"
    cache.write(where, ARRAYS, source="here", sha256=digests(ARRAYS))
    return where


def test_round_trip(folder):
    arrays, source, sha256 = cache.read(folder, SHAPES)
    for part in Arrays._fields:
        assert np.array_equal(getattr(arrays, part), getattr(ARRAYS, part))
        assert getattr(arrays, part).flags.writeable
    assert (source, sha256) == ("here", digests(ARRAYS))


def test_nothing_but_the_set_is_left_in_the_folder(folder):
    names = {f"{part}.npy" for part in Arrays._fields} | {cache.RECORD}
    assert {path.name for path in folder.iterdir()} == names


def test_a_folder_without_its_record_is_absent(folder):
    (folder / cache.RECORD).unlink()
    assert not cache.is_present(folder)
    with pytest.raises(cache.Absent, match="not in"):
        cache.read(folder, SHAPES)


def test_a_full_disk_leaves_no_record_and_no_temporary(tmp_path, monkeypatch):
    written = []

    def full(descriptor, content):
        written.append(len(content))
        if len(written) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content)

    real = os.write
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        cache.write(tmp_path / "tiny", ARRAYS, source="here", sha256={})
    assert {path.name for path in (tmp_path / "tiny").iterdir()} == {
        "train_images.npy",
        "train_labels.npy",
    }


def test_the_files_are_those_that_numpy_writes(folder):
    for part, array in ARRAYS._asdict().items():
        expected = io.BytesIO()
        np.save(expected, array)
        assert (folder / f"{part}.npy").read_bytes() == expected.getvalue()


@pytest.mark.parametrize("shape", [(60_000, 28, 28), (50_000, 32, 32, 3), (10_000,), (1, 1)])
def test_the_header_is_the_one_that_numpy_writes(shape):
    expected = io.BytesIO()
    facts = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(expected, facts)
    assert cache.header(shape) == expected.getvalue()


def test_every_truncation_is_noticed(folder):
    path = folder / "train_images.npy"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(cache.Damaged, match="train_images.npy is cut short"):
            cache.read(folder, SHAPES)


def test_no_flipped_bit_goes_through_unnoticed(folder):
    path = folder / "train_images.npy"
    whole = path.read_bytes()
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        if position < 128:
            with pytest.raises(cache.Damaged, match="train_images.npy"):
                cache.read(folder, SHAPES)
        else:  # the caller compares this digest
            assert digests(cache.read(folder, SHAPES)[0]) != digests(ARRAYS)


def header(shape: tuple[int, ...], descr: str = "|u1") -> bytes:
    content = io.BytesIO()
    facts = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, facts)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>moved</html>" * 40,
        b"PK\x03\x04" + bytes(200),
        header((2**40, 2**10)),
        header((4,), descr="|O") + b"cos\nsystem\n(S'true'\ntR.",
        header((4,)) + b"too long",
    ],
    ids=["empty", "web page", "zip", "forged size", "pickle", "longer"],
)
def test_foreign_files_are_refused(folder, content):
    (folder / "test_labels.npy").write_bytes(content)
    with pytest.raises(cache.Damaged, match="test_labels.npy"):
        cache.read(folder, SHAPES)


def test_a_fifo_in_place_of_an_array_does_not_block(folder):
    path = folder / "test_images.npy"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(cache.Damaged, match="missing"):
        cache.read(folder, SHAPES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        json.dumps({"source": 3, "sha256": {}}),
        '"' + "a" * 10**6,
        "[" * 10**4,
    ],
    ids=lambda text: text[:6],
)
def test_a_bad_record_is_damage(folder, text):
    (folder / cache.RECORD).write_text(text)
    with pytest.raises(cache.Damaged, match=cache.RECORD):
        cache.read(folder, SHAPES)


def test_where_the_cache_is(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    monkeypatch.delenv("CLIPBENCH_DATA", raising=False)
    assert cache.folder_of("tiny", root=None) == Path("/caches/clipbench/tiny")
    monkeypatch.setenv("CLIPBENCH_DATA", "")
    assert cache.folder_of("tiny", root=None) == Path("/caches/clipbench/tiny")
    monkeypatch.setenv("CLIPBENCH_DATA", "/data")
    assert cache.folder_of("tiny", root=None) == Path("/data/tiny")
    assert cache.folder_of("tiny", root="/other") == Path("/other/tiny")
    monkeypatch.setenv("HOME", "/home/me")
    assert cache.folder_of("tiny", root="~/sets") == Path("/home/me/sets/tiny")
    monkeypatch.delenv("CLIPBENCH_DATA")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.folder_of("tiny", root=None) == Path("/home/me/.cache/clipbench/tiny")
