"""The scalars of a journal without its histograms: what a report over a thousand runs reads.

Histograms are most of a journal and dear to parse. Every line's checksum is proved over all of it
all the same; what is cut away before parsing is known to be what the writer wrote.
"""

from __future__ import annotations

import json
import zlib
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
    samples: list[Sample] = []
    damaged = 0
    with open_regular(path) as file:
        for line in iter(partial(file.readline, MAX_LINE), b""):
            try:
                samples.append(_sample(line))
            except (ValueError, RecursionError):
                damaged += 1
    return samples, damaged


def _sample(line: bytes) -> Sample:
    body, seal, crc = line.removesuffix(b"}\n").rpartition(_CRC)
    if not seal or zlib.crc32(b"}", zlib.crc32(body)) != int(crc):
        raise ValueError("the checksum does not fit the line")
    end = body.find(_HISTOGRAMS)
    record = json.loads((body if end < 0 else body[: end + 1]).decode("ascii") + "}")
    if not isinstance(record, dict) or not isinstance(record.get("scalars"), dict):
        raise ValueError("the line is sealed but is no record")
    step, epoch, scalars = record.get("step"), record.get("epoch"), record["scalars"]
    if not _all_floats(scalars):
        scalars = {tag: unspell(value) for tag, value in scalars.items()}
    if type(step) is not int or type(epoch) is not int or not _all_floats(scalars):
        raise ValueError("the line is sealed but holds other than numbers")
    return Sample(step, epoch, scalars)


def _all_floats(scalars: dict[str, object]) -> bool:
    return not set(map(type, scalars.values())) - {float}
