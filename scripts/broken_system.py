"""System calls of durable writes that kill, fail or fall short, one of them, where they are told.

Put one in the place of ``clipbench.records.durable.system``. Whatever it does not break is `os`.
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

CALLS = ("open", "write", "fsync", "close", "replace", "unlink", "ftruncate", "mkdir")


@dataclass(frozen=True)
class Point:
    """One way to break one call.

    Attributes:
        number: of the call, counted from 0.
        how: ``before``, ``after`` or ``amid`` kill the process around the call; ``fail`` fails it
            and every later one that needs space, as a full disk would.
        error: the errno of a failure.
    """

    number: int
    how: str
    error: int = 0


class BrokenSystem:
    """Counts the calls and breaks them at a point; without one it only counts.

    Attributes:
        seen: the names of the calls so far.
    """

    def __init__(self, point: Point | None = None, *, longest: int | None = None) -> None:
        self.seen: list[str] = []
        self._point = point
        self._longest = longest

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- stands in for a module
        real = getattr(os, name)
        return self._counted(name, real) if name in CALLS else real

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:  # noqa: ANN401
            number = len(self.seen)
            self.seen.append(name)
            if name == "write" and self._longest is not None:
                arguments = (arguments[0], arguments[1][: self._longest])
            point = self._point
            if point is None or number < point.number:
                return real(*arguments)
            return self._break(name, real, arguments, point, number)

        return call

    def _break(
        self,
        name: str,
        real: Callable[..., Any],
        arguments: tuple[Any, ...],
        point: Point,
        number: int,
    ) -> Any:  # noqa: ANN401
        if point.how == "fail":
            if number == point.number or name == "write":
                if name == "write":
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                if name == "close":
                    real(*arguments)  # a descriptor is free even where its close fails
                raise OSError(point.error, os.strerror(point.error))
            return real(*arguments)
        if point.how == "amid":
            real(arguments[0], arguments[1][: len(arguments[1]) // 2])
        if point.how == "after":
            real(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("a killed process went on")


def points_to_kill(seen: list[str]) -> list[Point]:
    """Return every place to die at in a sequence of calls: around each, and amid each write."""
    return [
        Point(number, how)
        for number, name in enumerate(seen)
        for how in ("before", "after", *(("amid",) if name == "write" else ()))
    ]


def points_to_fail(seen: list[str], errors: tuple[int, ...]) -> list[Point]:
    """Return every call that a disk can fail, with every error."""
    failing = ("open", "write", "fsync", "close", "replace", "mkdir")
    return [
        Point(number, "fail", error)
        for number, name in enumerate(seen)
        if name in failing
        for error in errors
    ]


def in_child(action: Callable[[], object]) -> int:
    """Run an action in a forked child and return how it ended: 0, or minus the signal's number.

    An exception of the action ends the child with 1.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of torch sleep at a fork
        child = os.fork()
    if child == 0:
        code = 1
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
