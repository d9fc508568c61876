"""A frame gives back its payload or an error, whatever became of its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.records.frame import unwrap, wrap

WHOLE = wrap(b"the payload of a frame", version=1)


@given(st.binary(max_size=300), st.integers(0, 2**16 - 1))
def test_the_payload_comes_back(payload: bytes, version: int) -> None:
    assert bytes(unwrap(wrap(payload, version=version), version=version)) == payload


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_is_found(bit: int) -> None:
    for place in range(len(WHOLE)):
        damaged = bytearray(WHOLE)
        damaged[place] ^= 1 << bit
        with pytest.raises(ValueError, match="damaged|format|begin|bytes of content"):
            unwrap(bytes(damaged), version=1)


def test_every_cut_and_every_addition_is_found() -> None:
    for length in range(len(WHOLE)):
        with pytest.raises(ValueError, match="cut short|bytes of content"):
            unwrap(WHOLE[:length], version=1)
    with pytest.raises(ValueError, match="bytes of content"):
        unwrap(WHOLE + b"\0", version=1)


def test_another_format_is_named() -> None:
    with pytest.raises(ValueError, match="format 1, this version reads 2"):
        unwrap(WHOLE, version=2)
