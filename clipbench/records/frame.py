"""A frame around bytes that must come back unchanged: magic, format, length and SHA-256 in front.

The word ``clipbench`` and a newline, then big-endian: the format in 2 bytes, the length of the
payload in 8, its SHA-256 in 32; then the payload. Whatever happens to such a file, reading it gives
the payload or an error.
"""

from __future__ import annotations

import hashlib
import struct

_HEADER = struct.Struct(">10sHQ32s")
_MAGIC = b"clipbench\n"


def wrap(payload: bytes | memoryview, *, version: int) -> bytes:
    """Return a payload in its frame.

    >>> unwrap(wrap(b"weights", version=3), version=3).tobytes()
    b'weights'
    """
    digest = hashlib.sha256(payload).digest()
    return b"".join((_HEADER.pack(_MAGIC, version, len(payload), digest), payload))


def unwrap(content: bytes, *, version: int) -> memoryview:
    """Return the payload of a frame.

    Raises:
        ValueError: This is no frame, one of another format, or not as it was written; the text
            goes on after the name of the file.
    """
    if len(content) < _HEADER.size:
        raise ValueError(f"is cut short: {len(content)} bytes")
    magic, found, length, digest = _HEADER.unpack_from(content)
    payload = memoryview(content)[_HEADER.size :]
    if magic != _MAGIC:
        raise ValueError("does not begin as a file of clipbench does")
    if found != version:
        raise ValueError(f"has format {found}, this version reads {version}")
    if len(payload) != length:
        raise ValueError(f"has {len(payload)} bytes of content, not the {length} it was given")
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError("is damaged: its content does not fit its digest")
    return payload
