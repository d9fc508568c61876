"""One writer at a time: an advisory lock on a folder, gone with the process that held it.

The lock is ``flock`` on the file ``.lock`` inside the folder. The file stays and its text is only a
courtesy to readers; the kernel alone knows who holds it, so a killed holder leaves nothing stale.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = ".lock"
_PAUSE = 0.05
_MOMENT = 0.2
"""Seconds that are waited in any case: who only looks holds the lock for less, and a new holder
writes its name in less."""
_MOST_READ = 200


class Busy(Exception):
    """A folder that another process is writing: what is busy, who holds it, and what to do."""


@contextmanager
def exclusive(folder: Path, *, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock of a folder, which must exist, for the length of the block.

    Args:
        folder: What nobody else may write meanwhile.
        patience: Seconds to wait for a holder that is about to end.

    Raises:
        Busy: Another process, or another block of this one, holds it.
    """
    descriptor = _open(folder)
    try:
        deadline = time.monotonic() + max(patience, _MOMENT)
        while not _taken(descriptor, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                raise _busy(folder)
            time.sleep(_PAUSE)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, _own_name().encode())
        yield
    finally:
        os.close(descriptor)


def refuse_held(folder: Path) -> None:
    """Raise ``Busy`` if somebody holds the lock of a folder: before work that would be lost."""
    if is_held(folder):
        time.sleep(_MOMENT)  # that may be somebody who only looks, too
        if is_held(folder):
            raise _busy(folder)


def wait_until_free(folder: Path) -> None:
    """Block until nobody holds the lock of a folder."""
    descriptor = _open(folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Tell whether somebody holds the lock of a folder; nobody does where it has none."""
    if not (folder / LOCK_FILE).is_file():
        return False
    descriptor = _open(folder)
    try:
        return not _taken(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def is_own(folder: Path) -> bool:
    """Tell whether this very process holds the lock of a folder."""
    return is_held(folder) and holder(folder) == _own_name()


def holder(folder: Path) -> str:
    """Name who took the lock last."""
    with open(folder / LOCK_FILE, "rb") as file:
        text = file.read(_MOST_READ).decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable()) or "another process"


def _busy(folder: Path) -> Busy:
    return Busy(f"{folder} is busy\n  {holder(folder)} writes it\n  Wait, or stop that.")


def _own_name() -> str:
    return f"process {os.getpid()} on {os.uname().nodename}"


def _open(folder: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(folder / LOCK_FILE, flags, 0o666)


def _taken(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
