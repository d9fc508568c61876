"""A grid of sample images as one PNG."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

_GAP = 1


def grid(images: np.ndarray, *, columns: int = 8) -> np.ndarray:
    """Lay images out row by row, one black pixel apart.

    Args:
        images: ``(N, C, H, W)`` of uint8, with 1 or 3 channels and N > 0.
        columns: Images in a row.

    Returns:
        The pixels ``(height, width, C)`` of uint8.
    """
    _check(images)
    count, channels, height, width = images.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    tall, wide = height + _GAP, width + _GAP
    pixels = np.zeros((rows * tall - _GAP, columns * wide - _GAP, channels), dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * tall, index % columns * wide
        pixels[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return pixels


def encode(pixels: np.ndarray) -> bytes:
    """Encode pixels ``(height, width, 1 or 3)`` of uint8 as PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def _check(images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(
            "A grid needs images (N, 1 or 3, H, W) of uint8, "
            f"got shape {images.shape} of {images.dtype}."
        )
    if images.size == 0:
        raise ValueError(f"A grid needs at least one pixel, got shape {images.shape}.")
