"""Writes every record of a run twice: to the journal, which counts, and to TensorBoard."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from clipbench.records import image_files, png
from clipbench.records.durable import remove_leftovers
from clipbench.records.histogram import Histogram
from clipbench.records.image_files import KeptImage
from clipbench.records.journal import JOURNAL_FILE, Journal
from clipbench.records.view import RunView

_log = logging.getLogger(__name__)

# What a full disk, a lost folder or an odd text raises. Other errors are mistakes of ours and show.
_TROUBLE = (OSError, ValueError)


class Recorder:
    """Records one run into its folder, which must exist.

    A folder that holds records already is gone on with: TensorBoard shows them and what follows as
    one curve.

    Trouble with the journal or an image file is raised. Trouble with TensorBoard is logged once as
    a warning; from then on this recorder writes no more to TensorBoard, and all the rest goes on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for place in (folder, folder / image_files.FOLDER):
            remove_leftovers(place)  # of an attempt that was killed
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
        self._show(lambda view: view.show(record))

    def image(self, *, step: int, tag: str, pixels: np.ndarray) -> None:
        """Write an image ``(height, width, 1 or 3)`` of uint8, which is also a file.

        Raises:
            OSError: The file was not written.
        """
        content = png.encode(pixels)
        image_files.keep(self._folder, tag=tag, step=step, png=content)
        shown = KeptImage(tag, step, content, time.time())
        self._show(lambda view: view.image(shown))

    def sync(self) -> None:
        """Wait until every record written so far is on the disk."""
        self._journal.sync()

    def journal_size(self) -> int:
        """Return the size of the journal, to which it can be cut back."""
        return self._journal.size()

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

    def _show(self, action: Callable[[RunView], None]) -> None:
        if self._view is None:
            return
        try:
            action(self._view)
        except _TROUBLE as error:
            _warn(self._folder, error)
            view, self._view = self._view, None
            with suppress(OSError):
                view.close()


def _open_view(folder: Path) -> RunView | None:
    try:
        return RunView(folder)
    except _TROUBLE as error:
        _warn(folder, error)
        return None


def _warn(folder: Path, error: Exception) -> None:
    _log.warning(
        "TensorBoard records of %s stop here (%s); training and the journal go on.", folder, error
    )
