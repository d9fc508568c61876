"""What the workers of a sweep say, wherever they run: lines in a file, echoed to a watcher."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PROGRESS_FILE = "progress.log"
_PAUSE = 0.2


def say(sweep: Path, text: str) -> None:
    """Add a line to the sweep's progress; lines of several workers do not mix."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(sweep / PROGRESS_FILE, flags, 0o666)
    try:
        os.write(descriptor, f"{text}\n".encode())
    finally:
        os.close(descriptor)


@contextmanager
def echoed(sweep: Path) -> Iterator[None]:
    """Copy to stderr what is said during the block."""
    (sweep / PROGRESS_FILE).touch()
    over = threading.Event()
    with open(sweep / PROGRESS_FILE, "rb") as file:
        file.seek(0, os.SEEK_END)
        thread = threading.Thread(target=_follow, args=(file, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _follow(file: BinaryIO, over: threading.Event) -> None:
    while True:
        last = over.wait(_PAUSE)
        sys.stderr.write(file.read().decode("utf-8", "replace"))
        sys.stderr.flush()
        if last:
            return
