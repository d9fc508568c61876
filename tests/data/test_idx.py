"""The idx reader: the array comes back, everything else is refused with its cause."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from clipbench.data.idx import gunzip, read_idx
from clipbench.data.sources import SourceError
from tests.data.tiny_files import idx

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@given(npst.arrays(np.uint8, npst.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5)))
def test_round_trip(array):
    found = read_idx(idx(array), dims=array.ndim)
    assert np.array_equal(found, array)
    assert found.shape == array.shape


def test_the_first_bytes_of_the_published_files():
    # The header of t10k-labels-idx1-ubyte, as published: magic 2049, then 10,000.
    header = bytes.fromhex("00000801 00002710")
    assert len(read_idx(header + bytes(10_000), dims=1)) == 10_000


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "no idx file"),
        (idx(IMAGES)[:10], "no idx file"),
        (b"<html></html>" * 9, "no idx file"),
        (bytes((0, 0, 0x0D, 3)) + idx(IMAGES)[4:], "no idx file"),
        (idx(IMAGES[0]), "no idx file"),
        (idx(IMAGES)[:-1], "has 40 bytes, this one 39"),
        (idx(IMAGES) + b"x", "has 40 bytes, this one 41"),
        (bytes((0, 0, 8, 3)) + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1), "bytes"),
    ],
)
def test_what_is_refused(content, cause):
    with pytest.raises(SourceError, match=cause):
        read_idx(content, dims=3)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_decode_or_be_refused(content):
    try:
        found = read_idx(content, dims=1)
    except SourceError:
        return
    assert idx(found) == content


def test_gunzip():
    assert gunzip(gzip.compress(b"abc"), max_bytes=3) == b"abc"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (gzip.compress(b"abcd"), "more than 3 bytes"),
        (gzip.compress(bytes(10**7)), "more than 3 bytes"),
        (gzip.compress(b"abc")[:-2], "damaged"),
        (b"<html>", "damaged"),
    ],
)
def test_gunzip_refuses(content, cause):
    with pytest.raises(SourceError, match=cause):
        gunzip(content, max_bytes=3)


def test_gunzip_notices_a_flipped_bit():
    content = bytearray(gzip.compress(bytes(range(200))))
    content[60] ^= 4
    with pytest.raises(SourceError, match="damaged"):
        gunzip(bytes(content), max_bytes=1000)
