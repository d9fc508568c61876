"""Children of a fork server that has imported torch already, and their end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing import (
    get_all_start_methods,
    get_context,
    get_start_method,
    set_start_method,
)
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext
from multiprocessing.forkserver import ensure_running

PRELOADED = ["clipbench.cli.sweeps.preloaded"]
GRACE = 5.0
"""Seconds between the request to stop and the end by force."""


def fork_server() -> ForkServerContext:
    """Return what makes children; the first waits for torch to be imported, the others do not."""
    if get_start_method() not in get_all_start_methods():
        # A joblib worker names its own method, which the child, a plain Python, does not know.
        set_start_method("forkserver", force=True)
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def begin_fork_server() -> None:
    """Let the server import torch while this process does, so that no child waits for it."""
    fork_server()
    ensure_running()


def end_with_parent() -> None:
    """Watch the parent of this process, and end this process when it has died."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Stop this process in good order when its parent has died, and by force if that takes long."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(128 + signal.SIGTERM)
