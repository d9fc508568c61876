"""Keeps Python's garbage collector from looking through all that a command imports.

It goes through all objects whenever their number has grown by a quarter, and once more when the
interpreter ends. Of the half million that torch brings not one is garbage.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def start_up() -> Iterator[None]:
    """Collect nothing until `started`: what is made before lasts as long as the command."""
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


def started() -> None:
    """Collect from now on, and only what is made from now on."""
    gc.freeze()
    gc.enable()


def end_at_once() -> None:
    """Let the interpreter end without a last look for garbage."""
    atexit.register(gc.freeze)
