"""Twelve archives that reach out of themselves or grow without end; nothing is extracted."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from clipbench.cli.errors import guarded
from clipbench.data.archives import read_members
from clipbench.data.sources import DataError, SourceError

WANTED = "package/data"
MOST = 64 * 2**20


def trials() -> Mapping[str, Callable[[Path], Callable[[], int]]]:
    """Return what is to be tried, by name: each asks an archive for one file."""
    archives: dict[str, Callable[[], bytes]] = {
        "a name above": lambda: _tar(_file("../../marker"), _file(WANTED)),
        "an absolute name": lambda: _tar(_file("/tmp/clipbench-marker"), _file(WANTED)),
        "a link in the place of the file": lambda: _tar(_link(WANTED, "/etc/passwd")),
        "a hard link to a file outside": lambda: _tar(_hard(WANTED, "/etc/passwd")),
        "a link, then a file through it": lambda: _tar(_link("package", "/tmp"), _file(WANTED)),
        "a device in the place of the file": lambda: _tar(_of_kind(WANTED, tarfile.CHRTYPE)),
        "a pipe in the place of the file": lambda: _tar(_of_kind(WANTED, tarfile.FIFOTYPE)),
        "a folder in the place of the file": lambda: _tar(_of_kind(WANTED, tarfile.DIRTYPE)),
        "a long name without end": lambda: _headed(b"L", 2**31),
        "an extension without end": lambda: _headed(b"x", 2**31),
        "a gzip bomb": lambda: gzip.compress(bytes(MOST + 1024), 1) * 8,
        "a member without end": lambda: _headed(b"0", 2**33, name=b"other"),
    }
    return {name: _asked(make) for name, make in archives.items()}


def _asked(make: Callable[[], bytes]) -> Callable[[Path], Callable[[], int]]:
    def lay(_folder: Path) -> Callable[[], int]:
        content = make()
        return lambda: guarded(lambda: _read(content))

    return lay


def _read(content: bytes) -> int:
    try:
        found = read_members(io.BytesIO(content), [WANTED], max_bytes=MOST)
    except SourceError as error:
        raise DataError(f"the archive: {error}\n  Fetch it anew.") from error
    # What is beside the file that was asked for is none of its business.
    return 0 if found == {WANTED: b"good"} else 1


def _file(name: str) -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), b"good"


def _link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info, b""


def _hard(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.LNKTYPE, target
    return info, b""


def _of_kind(name: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind
    return info, b""


def _tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def _headed(kind: bytes, size: int, *, name: bytes = b"././@LongLink") -> bytes:
    """Return an archive whose one member says it is enormous, and is 256 MiB of zeros."""
    info = tarfile.TarInfo(name.decode())
    info.type, info.size = kind, size
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT), 1) + gzip.compress(bytes(2**26), 1) * 4
