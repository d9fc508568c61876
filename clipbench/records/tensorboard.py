"""The TensorBoard view of a run, on tensorboard's own record format and protos.

Only a view: everything in it that reports need is in the journal as well. Records are written in
the classic forms (``simple_value``, ``histo``, ``image``), which every reader of event files knows.

The frames are tensorboard's own `RecordWriter` without the `EventFileWriter` around it: that one
writes from a thread, which prints a traceback on a full disk, and imports TensorFlow where it finds
it. Here an error is raised where it happens, and a killed run has lost nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.plugins.text.metadata import create_summary_metadata
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

from clipbench.records.durable import write_all
from clipbench.records.histogram import Histogram

_numbers = count()


class TensorBoardWriter:
    """Writes one new event file into a folder that exists."""

    def __init__(self, folder: Path) -> None:
        # One file a writer, never shared: seconds, host, process and a number make the name new.
        identity = f"{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        name = f"events.out.tfevents.{int(time.time()):010d}.{identity}"
        self._file = _EventFile(folder / name)
        self._records = RecordWriter(self._file)
        self._write(Event(file_version="brain.Event:2"), wall_time=None)

    def scalars(
        self, step: int, values: Mapping[str, float], *, wall_time: float | None = None
    ) -> None:
        """Write the scalars of one step as one event.

        Args:
            step: Place on the x-axis.
            values: Value by tag.
            wall_time: Seconds since 1970; now, if not given.
        """
        entries = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._write_summary(step, entries, wall_time=wall_time)

    def histogram(
        self, step: int, tag: str, histogram: Histogram, *, wall_time: float | None = None
    ) -> None:
        """Write a histogram in the form of the journal."""
        proto = HistogramProto(
            min=histogram["min"],
            max=histogram["max"],
            num=histogram["num"],
            sum=histogram["sum"],
            sum_squares=histogram["sum_squares"],
            bucket_limit=histogram["limits"],
            bucket=histogram["counts"],
        )
        self._write_summary(step, [Summary.Value(tag=tag, histo=proto)], wall_time=wall_time)

    def image(self, step: int, tag: str, png: bytes, *, height: int, width: int) -> None:
        """Write an image that is already encoded as PNG."""
        image = Summary.Image(height=height, width=width, encoded_image_string=png)
        self._write_summary(step, [Summary.Value(tag=tag, image=image)], wall_time=None)

    def text(self, step: int, tag: str, markdown: str) -> None:
        """Write a text, shown as Markdown."""
        metadata = create_summary_metadata(display_name=None, description=None)
        tensor = make_tensor_proto([markdown.encode("utf-8")])
        entry = Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
        self._write_summary(step, [entry], wall_time=None)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write_summary(
        self, step: int, entries: list[Summary.Value], *, wall_time: float | None
    ) -> None:
        self._write(Event(step=step, summary=Summary(value=entries)), wall_time=wall_time)

    def _write(self, event: Event, *, wall_time: float | None) -> None:
        event.wall_time = time.time() if wall_time is None else wall_time
        self._records.write(event.SerializeToString())


class _EventFile:
    """The file below a `RecordWriter`: writes all of a record or raises."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o666)

    def write(self, content: bytes) -> None:
        write_all(self._descriptor, content)

    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
