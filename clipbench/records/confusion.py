"""The confusion matrix of a run as a picture: which label got which answer, and how often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clipbench.records.drawing import BLUE, INK, PALE, RED, Drawing, mixed

_MOST_NAMED = 20  # classes; more are drawn without names and numbers
_SIDE = 310  # viewers shrink larger pictures, and the letters in them


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
    cell = max(_SIDE // count, 3)
    short = all(7 * len(name) <= cell for name in names)
    rows = names if short else [f"{name} {index}" for index, name in enumerate(names)]
    columns = names if short else [str(index) for index in range(count)]
    left = 18 + (max(7 * len(name) for name in rows) if named else 0)
    top = 66 if named else 46
    drawing = Drawing(max(left + cell * count, 230) + 10, top + cell * count + 10)
    right, total = int(np.trace(counts)), int(counts.sum())
    share = 100 * right / max(total, 1)
    drawing.text((10, 14), f"test part: {right} of {total} right, {share:.2f} %", size=13)
    drawing.text((10, 33), "rows: label, columns: answer", color=PALE)
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
        for index, (row_name, column_name) in enumerate(zip(rows, columns, strict=True)):
            at = index * cell + cell / 2
            drawing.text((left - 8, top + at), row_name, anchor="rm")
            drawing.text((left + at, top - 11), column_name, anchor="mm")
    return drawing.pixels()


def _letters(cell: int) -> int:
    return min(12, max(7, cell // 2 - 3))
