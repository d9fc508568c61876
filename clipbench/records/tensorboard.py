"""Event files, on tensorboard's own protos.

Records are written in the classic forms (``simple_value``, ``histo``, ``image``), which every
reader of event files knows. A tag gets one point a step, and steps only go on: what would repeat or
go back is left out, so that a curve is one curve in every reader.

tensorboard's own `EventFileWriter` writes from a thread, which prints a traceback on a full disk,
and imports TensorFlow where it finds it. Here an error is raised where it happens, and a killed run
has lost nothing.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.plugins.text.metadata import create_summary_metadata
from tensorboard.util.tensor_util import make_tensor_proto

from clipbench.records.durable import TEMPORARY_PREFIX, write_all
from clipbench.records.histogram import Histogram
from clipbench.records.tfrecord import framed

EVENT_FILES = "events.out.tfevents.*"

_numbers = count()


class TensorBoardWriter:
    """Writes one new event file into a folder that exists.

    Args:
        folder: The folder.
        hidden: Whether no reader shall see the file before `publish`.
    """

    def __init__(self, folder: Path, *, hidden: bool = False) -> None:
        # One file a writer, never shared: seconds, host, process and a number make the name new,
        # and later in the order in which readers take the files of a folder.
        identity = f"{socket.gethostname()}.{os.getpid()}.{next(_numbers):06d}"
        name = f"events.out.tfevents.{int(time.time()):010d}.{identity}"
        self._public = folder / name
        self._path = folder / (TEMPORARY_PREFIX + identity) if hidden else self._public
        self._file = _EventFile(self._path, os.O_CREAT | os.O_EXCL)
        self._last: dict[str, int] = {}
        # A reader that has read an older file of the folder forgets its points at the start.
        start = SessionLog(status=SessionLog.START)
        try:
            self._write(Event(file_version="brain.Event:2"), wall_time=None)
            self._write(Event(step=0, session_log=start), wall_time=None)
        except BaseException:
            self.close()
            raise

    def scalars(
        self, step: int, values: Mapping[str, float], *, wall_time: float | None = None
    ) -> None:
        """Write the scalars of one step as one event.

        Args:
            step: Place on the x-axis.
            values: Value by tag.
            wall_time: Seconds since 1970; now, if not given.
        """
        entries = [
            Summary.Value(tag=tag, simple_value=value)
            for tag, value in values.items()
            if self._is_next(tag, step)
        ]
        self.write(step, entries, wall_time=wall_time)

    def histogram(
        self, step: int, tag: str, histogram: Histogram, *, wall_time: float | None = None
    ) -> None:
        """Write a histogram in the form of the journal."""
        if not self._is_next(f"{tag} (histogram)", step):
            return
        proto = HistogramProto(
            min=histogram["min"],
            max=histogram["max"],
            num=histogram["num"],
            sum=histogram["sum"],
            sum_squares=histogram["sum_squares"],
            bucket_limit=histogram["limits"],
            bucket=histogram["counts"],
        )
        self.write(step, [Summary.Value(tag=tag, histo=proto)], wall_time=wall_time)

    def image(
        self,
        step: int,
        tag: str,
        png: bytes,
        *,
        size: tuple[int, int],
        wall_time: float | None = None,
    ) -> None:
        """Write an image that is already encoded as PNG, of ``size`` (width, height)."""
        if not self._is_next(f"{tag} (image)", step):
            return
        width, height = size
        image = Summary.Image(height=height, width=width, encoded_image_string=png)
        self.write(step, [Summary.Value(tag=tag, image=image)], wall_time=wall_time)

    def text(self, step: int, tag: str, markdown: str) -> None:
        """Write a text, shown as Markdown."""
        metadata = create_summary_metadata(display_name=None, description=None)
        tensor = make_tensor_proto([markdown.encode("utf-8")])
        self.write(step, [Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])

    def write(
        self, step: int, entries: Sequence[Summary.Value], *, wall_time: float | None = None
    ) -> None:
        """Write entries of any kind as one event; none write nothing."""
        if len(entries) > 0:
            self._write(Event(step=step, summary=Summary(value=entries)), wall_time=wall_time)

    def publish(self) -> None:
        """Show a hidden file to readers, whole, in the place of all event files that were there."""
        # Listed before, so that of two writers at work in one folder neither removes the other's.
        old = list(self._public.parent.glob(EVENT_FILES))
        os.replace(self._path, self._public)
        self._path = self._public
        for file in old:
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file, which goes if it is still hidden; a second call does nothing."""
        self._file.close()
        if self._path != self._public:
            self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _is_next(self, series: str, step: int) -> bool:
        if step <= self._last.get(series, -1):
            return False
        self._last[series] = step
        return True

    def _write(self, event: Event, *, wall_time: float | None) -> None:
        event.wall_time = time.time() if wall_time is None else wall_time
        self._file.write(framed(event.SerializeToString()))


def append(folder: Path, entry: Summary.Value) -> None:
    """Add an entry to the newest event file of a folder, whose writer has closed it.

    Raises:
        FileNotFoundError: There is none.
    """
    files = sorted(folder.glob(EVENT_FILES))
    if len(files) == 0:
        raise FileNotFoundError(errno.ENOENT, "There is no event file", str(folder))
    file = _EventFile(files[-1], 0)
    try:
        event = Event(wall_time=time.time(), summary=Summary(value=[entry]))
        file.write(framed(event.SerializeToString()))
    finally:
        file.close()


class _EventFile:
    """An open event file: writes all of a record or raises."""

    def __init__(self, path: Path, flags: int) -> None:
        always = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(path, always | flags, 0o666)

    def write(self, content: bytes) -> None:
        write_all(self._descriptor, content)

    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
