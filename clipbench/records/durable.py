"""Durable writes: after a crash a file holds all of its old content or all of its new one.

Standard library only, so that every room may write through this one file. The order is the usual
one and each step is needed: an exclusive temporary in the same folder (a rename does not cross file
systems), a write loop (a write may be short), fsync of the file before the rename (or the name may
outlive the content), rename, fsync of the folder (or the rename itself may be lost).
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

TEMPORARY_PREFIX = ".tmp-"
"""How the name of every temporary begins; a file so named that outlives its writer is rubbish."""


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Replace the content of a file, or create it, atomically and durably.

    Args:
        path: The file, in a folder that exists. A link there is replaced, not followed.
        content: The whole new content.

    Raises:
        OSError: Nothing was changed, and the temporary is gone.
    """
    # Not made from the file's own name, which may already be as long as a name can be.
    temporary = path.with_name(TEMPORARY_PREFIX + secrets.token_hex(8))
    try:
        _write_new(temporary, content)
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # "no space left on device" says where by itself never
        raise
    sync_folder(path.parent)


def write_all(descriptor: int, content: bytes | memoryview) -> None:
    """Write every byte to an open file, however short the single writes are."""
    rest = memoryview(content).cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_folder(folder: Path) -> None:
    """Make the creations and renames inside a folder last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(path: Path, content: bytes | memoryview) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)  # the user's umask decides who may read
    try:
        write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
