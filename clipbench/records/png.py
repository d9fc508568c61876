"""Pixels as PNG: a grid of sample images, encoding, and the size of what is encoded."""

from __future__ import annotations

import io
import math
import struct

import numpy as np
from PIL import Image

_GAP = 1
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


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


def brightened(images: np.ndarray) -> np.ndarray:
    """Scale images of uint8 together so that the brightest pixel of all is white.

    Of some sets, such as 8x8 digits, the largest number is 16, which the eye takes for black.
    """
    most = max(int(images.max(initial=0)), 1)
    return (images.astype(np.uint16) * 255 // most).astype(np.uint8)


def enlarged(pixels: np.ndarray, *, width: int = 512) -> np.ndarray:
    """Repeat each pixel as often as fits into a width: viewers blur small images, or show specks.

    Args:
        pixels: ``(height, width, C)``.
        width: No wider than this, unless it is so already.
    """
    times = max(1, width // pixels.shape[1])
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def encode(pixels: np.ndarray) -> bytes:
    """Encode pixels ``(height, width, 1 or 3)`` of uint8 as PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def size_of(content: bytes) -> tuple[int, int]:
    """Read width and height from the head of a PNG.

    Raises:
        ValueError: It is no PNG.
    """
    if content[:8] != _SIGNATURE or len(content) < 24:
        raise ValueError("The content is no PNG.")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _check(images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(
            "A grid needs images (N, 1 or 3, H, W) of uint8, "
            f"got shape {images.shape} of {images.dtype}."
        )
    if images.size == 0:
        raise ValueError(f"A grid needs at least one pixel, got shape {images.shape}.")
