"""The journal of a run: one checksummed JSON record a line, the truth that every report reads.

A line is ``{"step", "epoch", "time", "scalars", "histograms"?, "crc"}``, without spaces, keys in
this order. ``crc`` is the CRC-32 (zlib) of the bytes of the line as it would stand without ``crc``,
that is with ``,"crc":<number>`` cut out before the closing brace and without the newline.
"""

from __future__ import annotations

import os
import re
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NotRequired, Self, TypedDict, cast

from clipbench.records.durable import AppendFile, truncate
from clipbench.records.histogram import Histogram
from clipbench.records.json_text import compact, parse, spell, unspell
from clipbench.records.reading import RunError, open_regular

JOURNAL_FILE = "metrics.jsonl"
TIME_TAGS = ("speed/", "seconds/")
MAX_LINE = 16 * 2**20
"""Longest line that is read, in bytes: a line without an end must not fill the memory."""

_SEALED = re.compile(rb'(\{.*),"crc":(\d{1,10})\}', re.DOTALL)


class Record(TypedDict):
    """One record of the journal; ``time`` in seconds since 1970."""

    step: int
    epoch: int
    time: float
    scalars: dict[str, float]
    histograms: NotRequired[dict[str, Histogram]]
    crc: NotRequired[int]


class Journal:
    """Appends records to one file. Only one process may write it at a time."""

    def __init__(self, path: Path) -> None:
        self._file = AppendFile(path)
        if self._file.size() > 0 and not self._file.ends_with(b"\n"):
            # A crash cut the last line short; the next record must not be glued to it.
            self._file.append(b"\n")

    def write(
        self,
        *,
        step: int,
        epoch: int,
        scalars: Mapping[str, float],
        histograms: Mapping[str, Histogram] | None = None,
    ) -> Record:
        """Append one record and return it as it was written, without its ``crc``.

        The record is in the file when this returns, and on the disk after `sync`.

        Raises:
            OSError: The record was not written; no half line is left behind.
        """
        numbers = {tag: float(value) for tag, value in scalars.items()}
        record: Record = {"step": step, "epoch": epoch, "time": time.time(), "scalars": numbers}
        if histograms is not None and len(histograms) > 0:
            record["histograms"] = dict(histograms)
        self._file.append(_seal(record))
        return record

    def size(self) -> int:
        """Return the byte offset after the last record, as `cut_back` takes it."""
        return self._file.size()

    def sync(self) -> None:
        """Wait until every record written so far is on the disk."""
        self._file.sync()

    def close(self) -> None:
        """Sync and close; a second call does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def cut_back(path: Path, offset: int) -> None:
    """Drop, durably, all that a journal holds after the size it had once.

    Args:
        path: The journal, which nobody is writing.
        offset: What `Journal.size` said then.

    Raises:
        RunError: The journal is missing, is shorter than that, or has no end of a line there.
        OSError: It could not be cut; it is as it was.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(offset - 1, 0))
        at_line_end = offset == 0 or file.read(1) == b"\n"
    if not 0 <= offset <= size or not at_line_end:
        raise RunError(
            f"The journal has {size} bytes and no record that ends at byte {offset}.",
            where=path,
            remedy="It is not the one the checkpoint was saved with; repeat it: clipbench rerun.",
        )
    truncate(path, offset)


def read(path: Path) -> tuple[list[Record], list[int]]:
    """Read a journal.

    Returns:
        The undamaged records in the order of the file, and the numbers (from 1) of the damaged
        lines.

    Raises:
        RunError: There is no such regular file. Damage inside the file never raises.
    """
    records: list[Record] = []
    damaged: list[int] = []
    with open_regular(path) as file:
        for number, line in enumerate(_lines(file), start=1):
            try:
                records.append(unseal(line))
            except (ValueError, RecursionError):
                damaged.append(number)
    return records, damaged


def comparable(record: Record) -> dict[str, object]:
    """Return a record without its time fields, for "are these two runs bit-equal?".

    Left out are ``time``, ``crc`` and the scalars under ``speed/`` and ``seconds/``. Non-finite
    numbers are spelled, so that a ``nan`` equals a ``nan``.
    """
    kept = {key: spell(value) for key, value in record.items() if key not in ("time", "crc")}
    kept["scalars"] = spell(
        {tag: value for tag, value in record["scalars"].items() if not tag.startswith(TIME_TAGS)}
    )
    return kept


def _seal(record: Record) -> bytes:
    body = compact(record).encode("ascii")
    return body[:-1] + b',"crc":%d}\n' % zlib.crc32(body)


def unseal(line: bytes) -> Record:
    """Read one line.

    Raises:
        ValueError: It is damaged, or no record.
    """
    sealed = _SEALED.fullmatch(line.removesuffix(b"\n"))
    if sealed is None:
        raise ValueError("the line is not a sealed record")
    body = sealed[1] + b"}"
    if zlib.crc32(body) != int(sealed[2]):
        raise ValueError("the checksum does not fit the line")
    record = parse(body)
    if not _is_record(record):
        raise ValueError("the line is sealed but is no record")
    numbers = cast(dict[str, object], unspell(record))
    return cast(Record, numbers | {"crc": int(sealed[2])})


def _is_record(value: object) -> bool:
    """Tell whether a line has the form of a record: a right checksum proves no more than care."""
    if not isinstance(value, dict) or not value.keys() >= {"step", "epoch", "time", "scalars"}:
        return False
    scalars, histograms = unspell(value["scalars"]), value.get("histograms", {})
    return (
        type(value["step"]) is int
        and isinstance(scalars, dict)
        and isinstance(histograms, dict)
        and _are_numbers(value["step"], value["epoch"], value["time"], *scalars.values())
        and all(_is_histogram(unspell(histogram)) for histogram in histograms.values())
    )


def _is_histogram(value: object) -> bool:
    if not isinstance(value, dict) or value.keys() != Histogram.__required_keys__:
        return False
    limits, counts = value["limits"], value["counts"]
    return (
        isinstance(limits, list)
        and isinstance(counts, list)
        and len(limits) == len(counts)
        and _are_numbers(*limits, *counts)
        and _are_numbers(*(value[key] for key in ("min", "max", "sum", "sum_squares", "num")))
    )


def _are_numbers(*values: object) -> bool:
    # The bound refuses integers of thousands of digits, which no float can hold.
    return all(
        isinstance(value, float) or (type(value) is int and abs(value) < 2**63) for value in values
    )


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines, of an overlong one only the beginning."""
    while line := file.readline(MAX_LINE):
        rest = line
        while not rest.endswith(b"\n") and (rest := file.readline(MAX_LINE)):
            pass
        yield line
