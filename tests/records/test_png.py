"""A grid holds every image at its place, and PNG keeps every pixel."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from clipbench.records import png


@pytest.mark.parametrize("count", [1, 3, 4, 9])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_stands_at_its_place(count: int, channels: int) -> None:
    numbers = np.random.default_rng(0)
    images = numbers.integers(1, 256, (count, channels, 5, 7), dtype=np.uint8)
    pixels = png.grid(images, columns=4)
    columns = min(count, 4)
    rows = -(-count // 4)
    assert pixels.shape == (rows * 6 - 1, columns * 8 - 1, channels)
    for index in range(count):
        top, left = index // 4 * 6, index % 4 * 8
        tile = pixels[top : top + 5, left : left + 7]
        assert np.array_equal(tile, np.moveaxis(images[index], 0, -1))
    # Every pixel of the images is at least 1: what is left over is black.
    assert np.count_nonzero(pixels) == images.size


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_lossless(channels: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (11, 13, channels), dtype=np.uint8)
    with Image.open(io.BytesIO(png.encode(pixels))) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_size_stands_in_the_head(channels: int) -> None:
    assert png.size_of(png.encode(np.zeros((11, 13, channels), dtype=np.uint8))) == (13, 11)
    with pytest.raises(ValueError, match="no PNG"):
        png.size_of(b"GIF89a" + bytes(30))
    with pytest.raises(ValueError, match="no PNG"):
        png.size_of(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize("most", [1, 16, 200, 255])
def test_brightening_keeps_the_order_and_ends_in_white(most: int) -> None:
    images = np.arange(most + 1, dtype=np.uint8).reshape(1, 1, 1, -1)
    bright = png.brightened(images).ravel()
    assert (bright[0], bright[-1]) == (0, 255)
    assert np.all(np.diff(bright.astype(int)) > 0)
    assert np.array_equal(png.brightened(bright.reshape(images.shape)).ravel(), bright)
    assert not png.brightened(np.zeros((1, 1, 2, 2), dtype=np.uint8)).any()


@pytest.mark.parametrize(("width", "times"), [(10, 5), (26, 2), (49, 1), (60, 1)])
def test_enlarging_repeats_whole_pixels(width: int, times: int) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (4, width, 3), dtype=np.uint8)
    large = png.enlarged(pixels, width=52)
    assert large.shape == (4 * times, width * times, 3)
    assert np.array_equal(large[::times, ::times], pixels)
    assert np.array_equal(large[times - 1 :: times, times - 1 :: times], pixels)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 1, 4, 4), dtype=np.float32),
        np.zeros((2, 2, 4, 4), dtype=np.uint8),
        np.zeros((1, 4, 4), dtype=np.uint8),
        np.zeros((0, 1, 4, 4), dtype=np.uint8),
    ],
)
def test_other_arrays_are_refused(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="got shape"):
        png.grid(images)
