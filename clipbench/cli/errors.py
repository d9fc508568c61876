"""What a user can do wrong, the exit code of each, and how it is said: at most three lines.

A failure is an exception class; the room that meets it defines it, this file maps it to its code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from clipbench.analysis.escape import plain

DONE, SOME_FAILED, USAGE, BAD_DATA, BAD_RUN, DIVERGED, BAD_DISK = 0, 1, 2, 3, 4, 5, 6
BUSY, INTERRUPTED, TERMINATED = 75, 130, 143


class ConfigError(Exception):
    """One or more faults in what the user typed or configured; each is one line."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


def exit_code(error: BaseException) -> int | None:
    """Return the documented exit code of an error, or None for one that is our own mistake."""
    if isinstance(error, ConfigError):
        return USAGE
    from clipbench.data.sources import DataError
    from clipbench.records.lock import Busy
    from clipbench.records.reading import RunError

    codes: list[tuple[type[BaseException], int]] = [
        (DataError, BAD_DATA),
        (RunError, BAD_RUN),
        (Busy, BUSY),
        (OSError, BAD_DISK),
    ]
    return next((code for kind, code in codes if isinstance(error, kind)), None)


def guarded(command: Callable[[], int]) -> int:
    """Run a command; an error that a user can cause is said and becomes its exit code."""
    try:
        return command()
    except BrokenPipeError:
        # Whoever read our output has gone; what is left to write, also at exit, goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        complain(error)
        return code


def complain(error: BaseException) -> None:
    """Print an error for a person on stderr; what a mirror or a file wrote steers no terminal."""
    text = "\n".join(plain(line) for line in describe(error).split("\n"))
    print(f"clipbench: {text}", file=sys.stderr)


def describe(error: BaseException) -> str:
    """Return the text of an error; for an operating-system error also the file it struck."""
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return (
            f"{error.strerror}{where}\n  Free or change the place it is written to and try again."
        )
    return str(error)
