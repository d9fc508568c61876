"""Decoded sets on the disk: four .npy files and one record that says where they came from.

The record is written last, so that a folder with a record is a whole set. What is read here is
not yet trusted: the digests are compared by the caller.

Format: numpy.lib.format, version 1.0. The shape of each array is known beforehand, so a file either
begins with the one header that fits or is damaged, and no header is ever parsed: numpy's reader
evaluates it, and meets a bad one with a dozen kinds of exception.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from clipbench.data.arrays import Arrays, Bytes
from clipbench.records.durable import make_folder, write_bytes

RECORD = "origin.json"
MAX_RECORD_BYTES = 64 * 1024


class Absent(Exception):  # noqa: N818 - a state of the cache, an error only where nothing else helps
    """The set is not in the cache."""


class Damaged(Exception):  # noqa: N818
    """The set is in the cache and cannot be used."""


def folder_of(name: str, *, root: str | None) -> Path:
    """Return the folder of a set: in ``root``, else ``CLIPBENCH_DATA``, else the user's cache."""
    chosen = root if root is not None else os.environ.get("CLIPBENCH_DATA") or None
    if chosen is not None:
        # Path.expanduser raises where there is no such user; such a folder is just not there.
        return Path(os.path.expanduser(chosen), name)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "clipbench" / name


def is_present(folder: Path) -> bool:
    """Return whether a set is there; it may still be damaged."""
    return (folder / RECORD).is_file()


def write(folder: Path, arrays: Arrays, *, source: str, sha256: Mapping[str, str]) -> None:
    """Store a set; each file arrives whole or not at all."""
    make_folder(folder)
    for part, array in arrays._asdict().items():
        write_bytes(folder / f"{part}.npy", header(array.shape) + array.tobytes())
    record = {"source": source, "sha256": dict(sha256)}
    write_bytes(folder / RECORD, json.dumps(record, indent=1).encode())


def read(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Arrays, str, dict[str, str]]:
    """Return the arrays of a set, the source they came from and the digests they had then.

    Raises:
        Absent: There is no record.
        Damaged: A file is missing, cut short or not what it should be.
    """
    if not is_present(folder):
        raise Absent(f"not in {folder}")
    source, sha256 = _read_record(folder / RECORD)
    arrays = {part: _read_array(folder / f"{part}.npy", shapes[part]) for part in Arrays._fields}
    return Arrays(**arrays), source, sha256


def header(shape: tuple[int, ...]) -> bytes:
    """Return how a .npy file of bytes begins, spelt as numpy spells it and 128 bytes long."""
    facts = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00\x76\x00" + facts.ljust(117).encode() + b"\n"


def _read_record(path: Path) -> tuple[str, dict[str, str]]:
    try:
        with path.open("rb") as file:
            record = json.loads(file.read(MAX_RECORD_BYTES))
        source, sha256 = record["source"], dict(record["sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(f"{path} cannot be read") from error
    if not isinstance(source, str):
        raise Damaged(f"{path} names no source")
    return source, sha256


def _read_array(path: Path, shape: tuple[int, ...]) -> Bytes:
    if not path.is_file():  # also keeps a FIFO from blocking us
        raise Damaged(f"{path} is missing")
    array = np.empty(shape, dtype=np.uint8)
    expected = header(shape)
    try:
        with path.open("rb") as file:
            start, size, rest = file.read(len(expected)), file.readinto(array.data), file.read(1)
    except OSError as error:
        raise Damaged(f"{path} cannot be read") from error
    if start != expected or size != array.nbytes or rest:
        raise Damaged(f"{path} is cut short or another file")
    return array
