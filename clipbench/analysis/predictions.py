"""What a finished run answered for each test image: ``predictions.npz``, read without pickle."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clipbench.records.reading import RunError, open_regular

PREDICTIONS_FILE = "predictions.npz"
MAX_BYTES = 2**28
"""Largest array that is unpacked, in bytes: a small archive can claim to hold a huge one."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Labels and predicted classes of the test images, both ``(N,)`` integers in data order."""

    labels: NDArray[np.integer]
    predictions: NDArray[np.integer]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each image was classified right, ``(N,)``."""
        return np.equal(self.labels, self.predictions)


def read_predictions(run: Path) -> Predictions:
    """Read the predictions of a run directory.

    Raises:
        RunError: The file is missing, damaged, too large, or holds other than two integer vectors
            of one length.
    """
    path = run / PREDICTIONS_FILE
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                labels, predictions = (_array(archive, n) for n in ("labels", "predictions"))
        except (
            ValueError,
            KeyError,
            OSError,
            EOFError,
            MemoryError,
            RuntimeError,  # an encrypted archive
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            raise _unusable(path, f"cannot be unpacked: {error}") from error
    if labels.shape != predictions.shape or labels.ndim != 1:
        raise _unusable(path, f"has shapes {labels.shape} and {predictions.shape}, not (N,) twice")
    return Predictions(labels, predictions)


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[np.integer]:
    member = archive.getinfo(f"{name}.npy")
    if member.file_size > MAX_BYTES:
        raise ValueError(f"{name} has {member.file_size} bytes, more than {MAX_BYTES}")
    array = np.load(io.BytesIO(archive.read(member)), allow_pickle=False)
    if not isinstance(array, np.ndarray) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} is no array of integers")
    return array


def _unusable(path: Path, why: str) -> RunError:
    return RunError(
        f"The file of predictions {why}.",
        where=path,
        remedy="Make it again with: clipbench rerun, or leave the run out.",
    )
