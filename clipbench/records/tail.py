"""The new records of a journal that another process is writing."""

from __future__ import annotations

import os
from pathlib import Path

from clipbench.records.journal import Record, unseal
from clipbench.records.reading import open_regular


class Tail:
    """Reads a journal bit by bit, each record once; a journal begun anew is read anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = -1
        self._read = 0

    def new(self) -> list[Record]:
        """Return the undamaged records that were added since the last call.

        Raises:
            RunError: The journal is no regular file, or may not be read.
        """
        if not os.path.lexists(self._path):
            return []
        with open_regular(self._path) as file:
            found = os.fstat(file.fileno())
            if found.st_ino != self._inode or found.st_size < self._read:
                self._inode, self._read = found.st_ino, 0
            file.seek(self._read)
            whole = file.read().rpartition(b"\n")[0]  # a line still being written waits
        if not whole:
            return []
        self._read += len(whole) + 1
        return [record for line in whole.split(b"\n") if (record := _record(line)) is not None]


def _record(line: bytes) -> Record | None:
    try:
        return unseal(line)
    except (ValueError, RecursionError):
        return None
