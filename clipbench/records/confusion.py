"""The confusion matrix of a run as a picture: which label got which answer, and how often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clipbench.records.drawing import BLUE, INK, PALE, RED, Drawing, mixed

_MOST_NAMED = 20  # classes; more are drawn without names and numbers
_SIDE = 520


def confusion_counts(
    labels: np.ndarray, predictions: np.ndarray, *, num_classes: int
) -> np.ndarray:
    """Count the images by label (row) and answer (column): ``(K, K)``."""
    flat = np.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    return flat.reshape(num_classes, num_classes)


def confusion_picture(counts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Draw the matrix: right answers blue, mistakes red and the darker the more there are.

    Args:
        counts: ``(K, K)``, by label and answer.
        names: Of the K classes.

    Returns:
        Pixels ``(height, width, 3)`` of uint8.
    """
    count = len(names)
    named = count <= _MOST_NAMED
    cell = max(_SIDE // count, 4)
    margin = 24 + (max(7 * len(name) for name in names) if named else 0)
    left, top = margin, 76 if named else 44
    drawing = Drawing(left + cell * count + 16, top + cell * count + 16)
    right = int(np.trace(counts))
    total = int(counts.sum())
    title = f"test part: {right} of {total} right ({100 * right / max(total, 1):.2f} %)"
    drawing.text((12, 16), title, size=15)
    drawing.text((12, 36), "row: label, column: answer", color=PALE)
    mistakes = counts - np.diag(np.diag(counts))
    worst = max(int(mistakes.max()), 1)
    for row in range(count):
        for column in range(count):
            number = int(counts[row, column])
            share = number / (max(int(counts[row].sum()), 1) if row == column else worst)
            color = mixed(BLUE if row == column else RED, 0.85 * share**0.7)
            x, y = left + cell * column, top + cell * row
            drawing.box(x, y, x + cell - 1, y + cell - 1, color=color)
            if named and number > 0:
                ink = (255, 255, 255) if share > 0.6 else INK
                middle = (x + cell / 2, y + cell / 2)
                drawing.text(middle, str(number), color=ink, size=_letters(cell), anchor="mm")
    if named:
        for index, name in enumerate(names):
            at = index * cell + cell / 2
            drawing.text((left - 8, top + at), name, anchor="rm")
            short = name if 7 * len(name) <= cell else name[: max(cell // 8, 1)]
            drawing.text((left + at, top - 12), short, anchor="mm")
    return drawing.pixels()


def _letters(cell: int) -> int:
    return min(14, max(8, cell // 3))
