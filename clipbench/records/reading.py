"""How a file of a run directory is opened: regular files only, no link followed, no size unbounded.

A run directory may come from somebody else. A link could lead out of it, a named pipe could block
for ever, and a file could be larger than memory: a terabyte of holes takes no room on a disk.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 2**29
"""Largest file that is read, in bytes; the records of long runs have a tenth of it."""
REMEDY = "Name a run directory that clipbench wrote."


class RunError(Exception):
    """A run directory that cannot be used as asked: what is wrong, where, and what to do.

    Its text is these three, one a line, whatever characters the parts hold.
    """

    def __init__(self, what: str, *, where: str | Path, remedy: str) -> None:
        super().__init__("\n".join(_one_line(part) for part in (what, str(where), remedy)))


def open_regular(path: Path, *, max_bytes: int = MAX_BYTES, remedy: str = REMEDY) -> BinaryIO:
    """Open a regular file for reading; ``remedy`` says what to do where it cannot be.

    Raises:
        RunError: The file is missing, is a link, a folder, a pipe or a device, may not be read, or
            is larger than ``max_bytes``.
    """
    # O_NONBLOCK: opening a named pipe would otherwise wait for a writer.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise RunError(
            f"The file cannot be read: {error.strerror}.",
            where=path,
            remedy=remedy,
        ) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size > max_bytes:
        os.close(descriptor)
        large = f"The file is larger than {max_bytes} bytes."
        raise RunError(
            large if stat.S_ISREG(found.st_mode) else "This is not a regular file.",
            where=path,
            remedy=remedy,
        )
    return os.fdopen(descriptor, "rb")


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
