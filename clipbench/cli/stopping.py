"""Ctrl-C and SIGTERM: the first asks the run to stop between two steps, the second ends it at once.

In a run the handler only sets a flag; saving happens in the loop, where the state is whole. What
only watches runs has nothing to save and is unwound at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from clipbench.cli.errors import INTERRUPTED, TERMINATED


class StopRequest:
    """Whether a stop was asked for, and the exit code that belongs to it."""

    def __init__(self) -> None:
        self.code: int | None = None

    def __call__(self) -> bool:
        """Tell the loop whether to stop."""
        return self.code is not None


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn SIGINT and SIGTERM into a request for the length of the block."""
    request = StopRequest()
    codes = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}

    def ask(number: int, frame: FrameType | None) -> None:
        if request.code is not None:
            raise SystemExit(codes[signal.Signals(number)])
        request.code = codes[signal.Signals(number)]

    before: dict[signal.Signals, Callable[..., object] | int | None] = {}
    try:
        for number in codes:
            before[number] = signal.signal(number, ask)
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def unwinding_on_sigterm() -> Iterator[None]:
    """Unwind on SIGTERM during the block, so that jobs are stopped and the table is still shown."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
