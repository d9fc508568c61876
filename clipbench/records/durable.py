"""Durable writes: after a crash a file holds all of its old content or all of its new one.

Standard library only, so that every room may write through this one file. The order is the usual
one and each step is needed: an exclusive temporary in the same folder (a rename does not cross file
systems), a write loop (a write may be short), fsync of the file before the rename (or the name may
outlive the content), rename, fsync of the folder (or the rename itself may be lost).

An error names the file that was asked for, and where space is short, the bytes it needs.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

system = os
"""The system calls of this file; what a test puts in its place can kill, fail or fall short."""

TEMPORARY_PREFIX = ".tmp-"
"""How the name of every temporary begins; a file so named that outlives its writer is rubbish."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Replace the content of a file, or create it, atomically and durably.

    Args:
        path: The file, in a folder that exists. A link there is replaced, not followed.
        content: The whole new content.

    Raises:
        OSError: The old content is whole, or, if only the folder could not be synced, the new one;
            the temporary is gone.
    """
    # Not made from the file's own name, which may already be as long as a name can be.
    temporary = path.with_name(TEMPORARY_PREFIX + secrets.token_hex(8))
    with _naming(path, wanted=len(content)):
        try:
            _write_new(temporary, content)
            system.replace(temporary, path)
        except BaseException:
            remove(temporary)
            raise
        sync_folder(path.parent)


def truncate(path: Path, size: int) -> None:
    """Cut a file back to its first ``size`` bytes, durably."""
    with _naming(path):
        descriptor = system.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            system.ftruncate(descriptor, size)
            system.fsync(descriptor)
        finally:
            system.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, durably; one that is there stays as it is."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with _naming(folder):
        with suppress(FileExistsError):
            system.mkdir(folder)
        sync_folder(folder.parent)


def remove(path: Path) -> None:
    """Remove a file if it is there."""
    with suppress(FileNotFoundError):
        system.unlink(path)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporaries of writers that were killed; nobody else may be writing there now."""
    for temporary in folder.glob(f"{TEMPORARY_PREFIX}*"):
        remove(temporary)


def write_all(descriptor: int, content: bytes | memoryview) -> None:
    """Write every byte to an open file, however short the single writes are."""
    rest = memoryview(content).cast("B")
    while rest:
        rest = rest[system.write(descriptor, rest) :]


def sync_folder(folder: Path) -> None:
    """Make the creations and renames inside a folder last."""
    descriptor = system.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        system.fsync(descriptor)
    finally:
        system.close(descriptor)


class AppendFile:
    """A file that only grows: an addition is in it whole or not at all, and lasts after `sync`.

    Args:
        path: The file, in a folder that exists; it is made if it is missing. Never a link.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with _naming(path):
            self._descriptor = system.open(path, flags, 0o666)
            try:
                sync_folder(path.parent)
            except BaseException:
                system.close(self._descriptor)
                raise

    def append(self, content: bytes) -> None:
        """Add bytes at the end.

        Raises:
            OSError: The file is as it was.
        """
        size = self.size()
        with _naming(self._path, wanted=len(content)):
            try:
                write_all(self._descriptor, content)
            except BaseException:
                system.ftruncate(self._descriptor, size)
                raise

    def size(self) -> int:
        """Return the number of bytes."""
        return os.fstat(self._descriptor).st_size

    def ends_with(self, last: bytes) -> bool:
        """Tell whether these are the last bytes."""
        start = self.size() - len(last)
        return start >= 0 and os.pread(self._descriptor, len(last), start) == last

    def sync(self) -> None:
        """Wait until every byte is on the disk."""
        with _naming(self._path):
            system.fsync(self._descriptor)

    def close(self) -> None:
        """Sync and close; a second call does nothing."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        with _naming(self._path):
            try:
                system.fsync(descriptor)
            finally:
                system.close(descriptor)


def _write_new(path: Path, content: bytes | memoryview) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = system.open(path, flags, 0o666)  # the user's umask decides who may read
    try:
        write_all(descriptor, content)
        system.fsync(descriptor)
    finally:
        system.close(descriptor)


@contextmanager
def _naming(path: Path, *, wanted: int | None = None) -> Iterator[None]:
    """Let an error name the file: the system's own names none, the temporary, or the folder."""
    try:
        yield
    except OSError as error:
        short = wanted is not None and error.errno in _FULL
        needs = f" ({wanted:,} bytes are needed)" if short else ""
        raise OSError(error.errno, f"{error.strerror}{needs}", str(path)) from error
