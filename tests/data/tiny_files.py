"""Small files in the formats of the published ones, for the tests of this room."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from clipbench.data.arrays import Arrays, digests
from clipbench.data.mnist_family import FILES
from clipbench.data.sources import FileSet, Source


def grey(train: int = 6, test: int = 4, side: int = 5, classes: int = 3, seed: int = 0) -> Arrays:
    """Return random arrays in the form of MNIST."""
    draw = np.random.default_rng(seed)

    def part(number: int) -> tuple[np.ndarray, np.ndarray]:
        images = draw.integers(0, 256, (number, side, side), dtype=np.uint8)
        return images, draw.integers(0, classes, number, dtype=np.uint8)

    return Arrays(*part(train), *part(test))


def colour(train: int = 6, test: int = 4, seed: int = 0) -> Arrays:
    """Return random arrays in the form of CIFAR-10."""
    draw = np.random.default_rng(seed)

    def part(number: int) -> tuple[np.ndarray, np.ndarray]:
        images = draw.integers(0, 256, (number, 32, 32, 3), dtype=np.uint8)
        return images, draw.integers(0, 10, number, dtype=np.uint8)

    return Arrays(*part(train), *part(test))


def file_set(arrays: Arrays, *sources: Source, **changes: object) -> FileSet:
    """Return a set whose facts are those of the arrays, but for the changes."""
    facts = {
        "name": "tiny",
        "train": len(arrays.train_labels),
        "test": len(arrays.test_labels),
        "image_shape": arrays.train_images.shape[1:],
        "class_names": ("a", "b", "c"),
        "sources": sources,
        "sha256": digests(arrays),
    }
    return FileSet(**(facts | changes))  # type: ignore[arg-type]


def idx(array: np.ndarray) -> bytes:
    """Return an idx file."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()


def idx_files(arrays: Arrays) -> dict[str, bytes]:
    """Return the four idx files of a set under their published names."""
    return {FILES[part]: idx(array) for part, array in arrays._asdict().items()}


def gzipped_idx_files(arrays: Arrays) -> dict[str, bytes]:
    """Return the same as they are published, gzipped."""
    return {f"{name}.gz": gzip.compress(plain) for name, plain in idx_files(arrays).items()}


def tarball(members: Mapping[str, bytes]) -> bytes:
    """Return a gzipped tar with regular files."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def png_rows(images: np.ndarray) -> bytes:
    """Return a PNG picture with one image a row."""
    target = io.BytesIO()
    Image.fromarray(images.reshape(len(images), 1024, 3)).save(target, format="PNG")
    return target.getvalue()


def json_labels(labels: np.ndarray) -> bytes:
    """Return labels as a JSON list."""
    return json.dumps(labels.tolist()).encode()


def pickled_batch(images: np.ndarray, labels: np.ndarray, *, key: str = "labels") -> bytes:
    """Return a batch of CIFAR as Python 3 would pickle it."""
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), 3072)
    return pickle.dumps({"data": planes, key: labels.tolist()}, protocol=4)


def put_npm(folder: Path, script: str) -> None:
    """Put a program called npm into a folder."""
    folder.mkdir(exist_ok=True)
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
