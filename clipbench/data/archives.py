"""Reads named members of a tar archive into memory; nothing is ever extracted to the disk.

So no name, link or device in an archive can reach outside, and what was not asked for is skipped.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Collection
from typing import IO

from clipbench.data.sources import SourceError


def read_members(file: IO[bytes], names: Collection[str], *, max_bytes: int) -> dict[str, bytes]:
    """Return the content of the named members of a gzipped tar, in one pass.

    Raises:
        SourceError: A member is missing or no regular file, the archive is damaged, or it expands
            to more than ``max_bytes`` in all.
    """
    try:
        with tarfile.open(fileobj=file, mode="r:gz") as archive:
            found = _read(archive, names, max_bytes=max_bytes)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise SourceError(f"the archive is damaged ({error})") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise SourceError(f"the archive has no file {', '.join(missing)}")
    return found


def _read(archive: tarfile.TarFile, names: Collection[str], *, max_bytes: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    total = 0
    for member in archive:
        # Counted before anything is unpacked: passing over a member unpacks it too.
        total += member.size
        if total > max_bytes:
            raise SourceError(f"the archive expands to more than {max_bytes} bytes")
        stream = archive.extractfile(member) if member.isreg() and member.name in names else None
        if stream is not None:
            found[member.name] = stream.read()
    return found
