"""The frame of a record in an event file: its length and its bytes, each with a checksum.

The checksum is CRC-32C (Castagnoli), which tensorboard's own writer computes byte by byte in
Python. A CRC is linear: that of a block is the exclusive or of what each byte gives by itself at
its distance from the end, and a table tells that for every distance in a block.
"""

from __future__ import annotations

import struct
from functools import cache

import numpy as np

_POLYNOMIAL = 0x82F63B78
_BLOCK = 512
_ALL = 0xFFFFFFFF


def framed(content: bytes) -> bytes:
    """Return a record as it stands in an event file."""
    length = struct.pack("<Q", len(content))
    return b"".join([length, _masked(length), content, _masked(content)])


def crc32c(content: bytes) -> int:
    """Return the CRC-32C of some bytes.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    table, rows = _by_distance()
    state = _ALL
    for start in range(0, len(content), _BLOCK):
        size = min(_BLOCK, len(content) - start)
        block = np.frombuffer(content, np.uint8, count=size, offset=start).astype(np.intp)
        before = np.frombuffer(state.to_bytes(4, "little"), np.uint8)[:size]
        block[: len(before)] ^= before
        state = int(np.bitwise_xor.reduce(table.take(rows[-size:] + block))) ^ state >> 8 * size
    return state ^ _ALL


def _masked(content: bytes) -> bytes:
    """Give the checksum in the form of the format, so that no checksum is one of checksums."""
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & _ALL)


@cache
def _by_distance() -> tuple[np.ndarray, np.ndarray]:
    """Tabulate what a byte gives at each distance from the end of a block, the farthest first.

    Returns:
        The table, flat, and where in it the row of each distance begins.
    """
    last: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        last = (last >> 1) ^ np.where(last & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    rows = [last]
    while len(rows) < _BLOCK:
        rows.append((rows[-1] >> 8) ^ last[rows[-1] & 255])
    return np.concatenate(rows[::-1]), np.arange(_BLOCK) * 256
