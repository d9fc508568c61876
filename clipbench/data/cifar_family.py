"""Reads the official archives of CIFAR-10 and CIFAR-100: pickled batches in a gzipped tar.

A batch is a dict with ``data``, uint8 of shape (N, 3072): the red, then the green, then the blue
plane of each image, and a list of labels. A pickle can run code, so it is read only from an archive
with the published MD5, and by an unpickler that knows nothing but the parts of a numpy array.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping, Sequence

import numpy as np

from clipbench.data.archives import read_members
from clipbench.data.arrays import Arrays, Bytes
from clipbench.data.mirrors import from_mirrors, official
from clipbench.data.sources import SourceError

MAX_UNPACKED_BYTES = 512 * 2**20
# By reduction, not by name: numpy has moved this function and warns at its old place.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


def from_official(
    dataset: str, *, train: Sequence[str], test: Sequence[str], labels: str
) -> Arrays:
    """Return the set from its mirror.

    Args:
        dataset: Name of its class in torchvision.
        train: Members of the archive that hold the training batches, in order.
        test: The same for the test part.
        labels: Key of the labels in a batch.
    """
    (archive,) = from_mirrors(official(dataset)).values()
    return decode(archive, train=train, test=test, labels=labels)


def decode(archive: bytes, *, train: Sequence[str], test: Sequence[str], labels: str) -> Arrays:
    """Return the arrays in an archive; arguments as for `from_official`."""
    names = [*train, *test]
    members = read_members(io.BytesIO(archive), names, max_bytes=MAX_UNPACKED_BYTES)
    return Arrays(*_join(members, train, labels), *_join(members, test, labels))


def _join(members: Mapping[str, bytes], names: Sequence[str], labels: str) -> tuple[Bytes, Bytes]:
    batches = [read_batch(members[name], labels=labels) for name in names]
    return np.concatenate([b[0] for b in batches]), np.concatenate([b[1] for b in batches])


def read_batch(content: bytes, *, labels: str) -> tuple[Bytes, Bytes]:
    """Return images ``(N, 32, 32, 3)`` and labels ``(N,)`` of one pickled batch.

    Raises:
        SourceError: It is damaged, is no such batch, or names anything but a numpy array.
    """
    try:
        # The archives were written by Python 2, whose strings pickle reads as latin-1.
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()
        pixels, numbers = batch["data"], np.asarray(batch[labels])
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        raise SourceError(f"a batch of the archive is not as expected ({error})") from error
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 2:
        raise SourceError("a batch of the archive holds no table of bytes")
    if pixels.shape != (len(numbers), 3072) or not _fit_a_byte(numbers):
        raise SourceError(f"a batch of the archive has {pixels.shape} pixels and odd labels")
    images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), numbers.astype(np.uint8)


def _fit_a_byte(numbers: np.ndarray) -> bool:
    return numbers.dtype.kind in "iu" and bool(((numbers >= 0) & (numbers < 256)).all())


class _ArrayUnpickler(pickle.Unpickler):
    """Refuses every name but the four that a pickled numpy array needs."""

    def find_class(self, module: str, name: str) -> object:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None
