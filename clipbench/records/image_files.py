"""How a run keeps its images: ``images/TAG-STEP.png``, with ``_`` for each ``/`` of the tag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from clipbench.records.durable import make_folder, write_bytes
from clipbench.records.reading import RunError, open_regular

FOLDER = "images"
MAX_BYTES = 16 * 2**20

_NAME = re.compile(r"(?P<tag>.+)-(?P<step>\d{8,})\.png")


class KeptImage(NamedTuple):
    """An image of a run, as PNG; ``time`` in seconds since 1970."""

    tag: str
    step: int
    png: bytes
    time: float


def keep(folder: Path, *, tag: str, step: int, png: bytes) -> None:
    """Keep an image in a run's folder.

    Raises:
        ValueError: The tag holds a ``_``, which the name of the file could not tell from ``/``.
    """
    if "_" in tag:
        raise ValueError(f"The tag of an image holds no '_', got tag={tag!r}.")
    file = folder / FOLDER / f"{tag.replace('/', '_')}-{step:08d}.png"
    make_folder(file.parent)
    write_bytes(file, png)


def kept(folder: Path) -> Iterator[KeptImage]:
    """Give the images of a run by tag and step; a file that cannot be read is passed over.

    No link is followed.
    """
    if (folder / FOLDER).is_symlink():
        return
    for file in sorted((folder / FOLDER).glob("*.png")):
        named = _NAME.fullmatch(file.name)
        if named is None:
            continue
        try:
            with open_regular(file) as stream:
                content = stream.read(MAX_BYTES)
        except RunError:
            continue
        tag, time = named["tag"].replace("_", "/"), file.stat().st_mtime
        yield KeptImage(tag, int(named["step"]), content, time)
