"""The worst mistakes of a run as a picture: the wrong answers it was surest of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clipbench.records.drawing import INK, PALE, RED, Drawing
from clipbench.records.png import enlarged

MOST = 24
_COLUMNS, _TILE, _ROOM = 6, 96, 44


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
    drawing = Drawing(16 + _COLUMNS * (_TILE + 14), 52 + rows * (_TILE + _ROOM))
    drawing.text((12, 16), "surest mistakes on the test part", size=15)
    drawing.text((12, 36), "the label, then the answer and its probability", color=PALE)
    texts = zip(labels, answers, confidences, strict=True)
    for index, (image, (label, answer, sure)) in enumerate(zip(images, texts, strict=True)):
        left = 12 + index % _COLUMNS * (_TILE + 14)
        top = 52 + index // _COLUMNS * (_TILE + _ROOM)
        drawing.picture(enlarged(image.transpose(1, 2, 0), width=_TILE)[:_TILE, :_TILE], left, top)
        drawing.text((left, top + _TILE + 10), f"is {label[:14]}", color=INK, size=11)
        said = f"said {answer[:10]}, {sure:.0%}"
        drawing.text((left, top + _TILE + 24), said, color=RED, size=11)
    return drawing.pixels()
