"""Writes every record of a run twice: to the journal, which counts, and to TensorBoard."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from clipbench.records import png
from clipbench.records.durable import write_bytes
from clipbench.records.histogram import Histogram
from clipbench.records.journal import JOURNAL_FILE, Journal, Record
from clipbench.records.tensorboard import TensorBoardWriter

_log = logging.getLogger(__name__)

# What a full disk, a lost folder or an odd text raises. Other errors are mistakes of ours and show.
_TROUBLE = (OSError, ValueError)


class Recorder:
    """Records one run into its folder, which must exist.

    Trouble with the journal or an image file is raised. Trouble with TensorBoard is logged once as
    a warning; from then on this recorder writes no more to TensorBoard, and all the rest goes on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal = Journal(folder / JOURNAL_FILE)
        self._view = _open_view(folder)

    def write(
        self,
        *,
        step: int,
        epoch: int,
        scalars: Mapping[str, float],
        histograms: Mapping[str, Histogram] | None = None,
    ) -> None:
        """Write one record.

        Raises:
            OSError: The journal did not take the record.
        """
        record = self._journal.write(step=step, epoch=epoch, scalars=scalars, histograms=histograms)
        self._show(lambda view: _show_record(view, record))

    def image(self, *, step: int, tag: str, images: np.ndarray) -> None:
        """Write images ``(N, 1 or 3, H, W)`` of uint8 as one grid, which is also a file.

        The file is ``images/TAG-STEP.png`` with ``_`` for each ``/`` of the tag.
        """
        pixels = png.grid(images)
        content = png.encode(pixels)
        height, width, _ = pixels.shape
        file = self._folder / "images" / f"{tag.replace('/', '_')}-{step:08d}.png"
        file.parent.mkdir(exist_ok=True)
        write_bytes(file, content)
        self._show(lambda view: view.image(step, tag, content, height=height, width=width))

    def text(self, *, step: int, tag: str, markdown: str) -> None:
        """Write a text to TensorBoard, which alone shows texts."""
        self._show(lambda view: view.text(step, tag, markdown))

    def sync(self) -> None:
        """Wait until every record written so far is on the disk."""
        self._journal.sync()

    def close(self) -> None:
        """Close both; a second call does nothing."""
        self._show(lambda view: view.close())
        self._view = None
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _show(self, action: Callable[[TensorBoardWriter], None]) -> None:
        if self._view is None:
            return
        try:
            action(self._view)
        except _TROUBLE as error:
            _warn(self._folder, error)
            view, self._view = self._view, None
            with suppress(OSError):
                view.close()


def _open_view(folder: Path) -> TensorBoardWriter | None:
    try:
        return TensorBoardWriter(folder)
    except _TROUBLE as error:
        _warn(folder, error)
        return None


def _warn(folder: Path, error: Exception) -> None:
    _log.warning(
        "TensorBoard records of %s stop here (%s); training and the journal go on.", folder, error
    )


def _show_record(view: TensorBoardWriter, record: Record) -> None:
    view.scalars(record["step"], record["scalars"], wall_time=record["time"])
    for tag, histogram in record.get("histograms", {}).items():
        view.histogram(record["step"], tag, histogram, wall_time=record["time"])
