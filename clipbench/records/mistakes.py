"""The worst mistakes of a run as a picture: the wrong answers it was surest of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clipbench.records.drawing import INK, PALE, RED, Drawing
from clipbench.records.png import enlarged

MOST = 16
# Viewers shrink larger pictures, and the letters in them.
_COLUMNS, _TILE, _GAP, _ROOM = 4, 84, 14, 42


def worst_mistakes(
    labels: np.ndarray, predictions: np.ndarray, confidences: np.ndarray
) -> np.ndarray:
    """Return the places of at most `MOST` wrong answers, the surest first; ties in their order."""
    wrong = np.flatnonzero(labels != predictions)
    order = np.argsort(-confidences[wrong], kind="stable")
    return wrong[order][:MOST]


def mistakes_picture(
    images: np.ndarray,
    *,
    labels: Sequence[str],
    answers: Sequence[str],
    confidences: Sequence[float],
) -> np.ndarray:
    """Draw images with what they show, what was answered, and how sure the answer was.

    Args:
        images: ``(N, 1 or 3, H, W)`` of uint8, at least one.
        labels: Names of what they show.
        answers: Names of what was answered.
        confidences: The probabilities given to the answers.

    Returns:
        Pixels ``(height, width, 3)`` of uint8.
    """
    rows = -(-len(images) // _COLUMNS)
    drawing = Drawing(8 + _COLUMNS * (_TILE + _GAP), 48 + rows * (_TILE + _ROOM))
    drawing.text((10, 14), "surest mistakes on the test part", size=13)
    drawing.text((10, 33), "the label, then the answer and its probability", color=PALE)
    texts = zip(labels, answers, confidences, strict=True)
    for index, (image, (label, answer, sure)) in enumerate(zip(images, texts, strict=True)):
        left = 10 + index % _COLUMNS * (_TILE + _GAP)
        top = 48 + index // _COLUMNS * (_TILE + _ROOM)
        drawing.picture(enlarged(image.transpose(1, 2, 0), width=_TILE)[:_TILE, :_TILE], left, top)
        drawing.text((left, top + _TILE + 10), f"is {label[:14]}", color=INK, size=10)
        said = f"said {answer[:9]}, {sure:.0%}"
        drawing.text((left, top + _TILE + 23), said, color=RED, size=10)
    return drawing.pixels()
