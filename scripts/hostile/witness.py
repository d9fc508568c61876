"""What no file may bring about: a program, a connection, a foreign name, a write outside."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from scripts.isolated import Witness

_NEVER = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "subprocess.Popen",
    "pty.spawn",
    "socket.connect",
    "socket.getaddrinfo",
    "pickle.find_class",
    "code.__new__",
    "ctypes.dlopen",
    "webbrowser.open",
    "shutil.rmtree",
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGES = ("os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate", "os.rename", "os.link")


def watching(*roots: Path, harmless: Iterable[str] = ()) -> Witness:
    """Return a witness for `isolated`.

    Args:
        roots: Folders that may be written to.
        harmless: Beginnings of reports that the program itself, without the file, gives.
    """
    allowed = tuple(os.path.realpath(root) for root in roots)
    quiet = tuple(harmless)

    def witness(event: str, arguments: tuple[object, ...]) -> str | None:
        seen = _seen(event, arguments, allowed)
        return None if seen is None or seen.startswith(quiet) else seen

    return witness


def _seen(event: str, arguments: tuple[object, ...], allowed: tuple[str, ...]) -> str | None:
    if event in _NEVER:
        return f"{event} {arguments!r:.200}"
    if event == "open" and _is_write(arguments) and _is_outside(arguments[0], allowed):
        return f"write {arguments[0]!r:.200}"
    if event in _CHANGES and _is_outside(arguments[0], allowed):
        return f"{event} {arguments[0]!r:.200}"
    return None


def _is_write(arguments: tuple[object, ...]) -> bool:
    _, mode, flags = arguments
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & _WRITES)


def _is_outside(path: object, allowed: tuple[str, ...]) -> bool:
    if not isinstance(path, str | bytes | os.PathLike):  # an open file
        return False
    place = os.path.realpath(os.fsdecode(os.path.dirname(os.path.abspath(path))))
    if place.startswith("/dev"):
        return False
    return not any(place == root or place.startswith(root + os.sep) for root in allowed)
