"""The scalars of a journal without its histograms: what a report over a thousand runs reads.

Histograms are most of a journal and dear to parse. Every line's checksum is proved over all of it
all the same; what is cut away before parsing is known to be what the writer wrote.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from clipbench.records.journal import MAX_LINE
from clipbench.records.json_text import unspell
from clipbench.records.reading import open_regular

_CRC = b',"crc":'
_HISTOGRAMS = b'},"histograms":{'
"""No text inside a record can hold these bytes: its quotation marks are escaped."""


class Sample(NamedTuple):
    """The scalars of one record."""

    step: int
    epoch: int
    scalars: dict[str, float]


def read_scalars(path: Path) -> tuple[list[Sample], int]:
    """Read the scalars of a journal.

    Returns:
        Those of the undamaged records in the order of the file, and the number of damaged lines.

    Raises:
        RunError: There is no such regular file. Damage inside the file never raises.
    """
    with open_regular(path) as file:
        # Line by line: a journal's histograms need not fit into memory.
        found = [_head(line) for line in iter(partial(file.readline, MAX_LINE), b"")]
    heads = [head for head in found if head is not None]
    samples = [sample for record in _parsed(heads) if (sample := _sample(record)) is not None]
    return samples, len(found) - len(samples)


def _head(line: bytes) -> str | None:
    """Give the record of a line up to its histograms, as JSON; None if the line is damaged."""
    body, seal, crc = line.removesuffix(b"}\n").rpartition(_CRC)
    if not seal or not crc.isdigit() or zlib.crc32(b"}", zlib.crc32(body)) != int(crc):
        return None
    end = body.find(_HISTOGRAMS)
    try:
        return (body if end < 0 else body[: end + 1]).decode("ascii") + "}"
    except UnicodeDecodeError:
        return None


def _parsed(heads: Sequence[str]) -> list[object]:
    """Parse records, all at once where none is odd: that takes half the time."""
    try:
        records = json.loads(f"[{','.join(heads)}]")
    except (ValueError, RecursionError):
        records = []
    return records if len(records) == len(heads) else [_parsed_alone(head) for head in heads]


def _parsed_alone(head: str) -> object:
    try:
        return json.loads(head)
    except (ValueError, RecursionError):
        return None


def _sample(record: object) -> Sample | None:
    if not isinstance(record, dict) or not isinstance(record.get("scalars"), dict):
        return None
    step, epoch, scalars = record.get("step"), record.get("epoch"), record["scalars"]
    if type(step) is not int or type(epoch) is not int:
        return None
    if set(map(type, scalars.values())) - {float}:
        scalars = {tag: unspell(value) for tag, value in scalars.items()}
        if set(map(type, scalars.values())) - {float}:
            return None
    return Sample(step, epoch, scalars)
