"""Reads named members of a gzipped tar archive into memory; nothing is ever extracted to the disk.

So no name, link or device in an archive can reach outside, and what was not asked for is skipped.

Format: POSIX.1-1988 (ustar), blocks of 512 bytes: a header, then the content, filled up. Extension
headers are skipped like anything else, for no published archive needs theirs; Python's own reader
takes one into memory whatever its size, and can be led back to where it has been.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Iterator
from typing import IO, NamedTuple

from clipbench.data.sources import SourceError

BLOCK = 512
AT_ONCE = 2**20
REGULAR = (b"0", b"\0")


class Member(NamedTuple):
    """What a header says."""

    name: str
    kind: bytes
    size: int


def read_members(file: IO[bytes], names: Collection[str], *, max_bytes: int) -> dict[str, bytes]:
    """Return the content of the named members of a gzipped tar, in one pass.

    Raises:
        SourceError: A member is missing or no regular file, the archive is damaged, or it expands
            to more than ``max_bytes`` in all.
    """
    try:
        with gzip.GzipFile(fileobj=file) as archive:
            found = _read(archive, names, max_bytes=max_bytes)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise SourceError(f"the archive is damaged ({error})") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise SourceError(f"the archive has no file {', '.join(missing)}")
    return found


def _read(archive: gzip.GzipFile, names: Collection[str], *, max_bytes: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    total = 0
    while (header := archive.read(BLOCK)).strip(b"\0"):
        member = _parse(header)
        # Counted before anything is unpacked: passing over a member unpacks it too.
        total += BLOCK + member.size
        if total > max_bytes:
            raise SourceError(f"the archive expands to more than {max_bytes} bytes")
        parts = _parts(archive, member.size + -member.size % BLOCK)
        if member.kind in REGULAR and member.name in names:
            found[member.name] = b"".join(parts)[: member.size]
        else:
            for _ in parts:
                pass
    return found


def _parts(archive: gzip.GzipFile, size: int) -> Iterator[bytes]:
    """Yield so many bytes, a piece at a time: a size is a claim until the bytes are there."""
    while size > 0:
        part = archive.read(min(size, AT_ONCE))
        if not part:
            raise ValueError("a member is cut short")
        size -= len(part)
        yield part


def _parse(header: bytes) -> Member:
    """Read a header.

    Raises:
        ValueError: It is cut short, or its checksum or its size is none.
    """
    # The sum is taken with its own field blank.
    if len(header) < BLOCK or sum(header[:148] + b" " * 8 + header[156:]) != _octal(
        header[148:156]
    ):
        raise ValueError("a header is not as it was written")
    name = header[:100].partition(b"\0")[0]
    if header[257:263] == b"ustar\0" and header[345] != 0:
        name = header[345:500].partition(b"\0")[0] + b"/" + name
    return Member(name.decode("utf-8", "replace"), header[156:157], _octal(header[124:136]))


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not digits.isdigit():  # a minus sign, or a size too large for digits
        raise ValueError(f"{field!r} is no octal number")
    return int(digits, 8)
