"""One job of a sweep, isolated: whatever it does costs this job alone.

Each job is a child of a fork server that has imported torch already, so that a worker pays the
import once. The worker watches its child from outside, and what the child could not write down of
its end is written here.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from clipbench.cli.children import GRACE, fork_server
from clipbench.cli.sweeps.child import LOG_FILE, run_child
from clipbench.cli.sweeps.lost import record_lost, statuses
from clipbench.cli.sweeps.slots import slot
from clipbench.records.sweep_file import PlannedJob

STOP_FILE = ".stop"
"""Made below the sweep by the first failed job under ``sweep.fail_fast``."""

_KILLED = {signal.SIGKILL: "killed by SIGKILL (out of memory, or by hand)"}
_MARK = "=" * 20
_PAUSE = 0.2


def run_isolated(
    job: PlannedJob,
    sweep: Path,
    *,
    settings: Mapping[str, Any],
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Run a job until it has ended, or failed once more often than ``sweep.retries`` allows.

    Args:
        job: The job.
        sweep: The sweep's folder.
        settings: The keys of ``sweep``.
        watch: Called several times a second while the job runs; what it raises stops the job and
            is passed on.
    """
    for attempt in range(settings["retries"] + 1):
        if (sweep / STOP_FILE).exists():
            return
        _announce(sweep / job.folder, attempt)
        cause = _attempt(job, sweep, settings=settings, watch=watch)
        record_lost(job, sweep, cause=cause)
        if "failed" not in statuses(job, sweep).values():
            return
    if settings["fail_fast"]:
        (sweep / STOP_FILE).touch()


def _attempt(
    job: PlannedJob, sweep: Path, *, settings: Mapping[str, Any], watch: Callable[[], None]
) -> str:
    """Run a job once; return why a run that did not end has not."""
    rerun = settings["rerun"]
    with slot(sweep, settings=settings, device=job.config["trainer"]["device"]) as gpu:
        child = fork_server().Process(
            target=run_child, args=(job, sweep), kwargs={"rerun": rerun, "gpu": gpu}
        )
        child.start()
        try:
            in_time = _ends_within(settings["timeout"], child, watch)
        finally:
            _end(child)
    if not in_time:
        return f"no end within {settings['timeout']:g} s (sweep.timeout)"
    assert child.exitcode is not None
    return _described(child.exitcode)


def _ends_within(
    timeout: float | None, child: ForkServerProcess, watch: Callable[[], None]
) -> bool:
    """Wait for the end of a child; tell whether it came in time."""
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    while child.exitcode is None and time.monotonic() < deadline:
        child.join(min(_PAUSE, deadline - time.monotonic()))
        watch()
    return child.exitcode is not None


def _end(child: ForkServerProcess) -> None:
    """Ask a child that still runs to stop, and kill it and what it has started if it does not."""
    if child.exitcode is None:
        child.terminate()
        child.join(GRACE)
    if child.exitcode is None:
        assert child.pid is not None
        with suppress(ProcessLookupError):  # it had not made its own group yet
            os.killpg(child.pid, signal.SIGKILL)
        child.kill()
        child.join()


def _described(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code} and no result"
    killer = signal.Signals(-code)
    return _KILLED.get(killer, f"killed by {killer.name}")


def _announce(folder: Path, attempt: int) -> None:
    """Head each attempt in the job's log."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOG_FILE, "a", encoding="utf-8") as log:
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        log.write(f"{_MARK} {now}  attempt {attempt + 1} of this start {_MARK}\n")
