"""Event files made anew from the journals of many runs: for lost, damaged or outdated ones."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.reading import RunError
from clipbench.records.run_dir import read_run
from clipbench.records.view import rebuild

QUIET_SECONDS = 120.0


def rebuild_all(path: Path) -> tuple[list[Path], list[Path]]:
    """Make the event file of every run at or below a folder anew.

    Returns:
        The runs it was made for, and those left alone because they are being written: status
        running, and a journal that grew within the last two minutes.

    Raises:
        RunError: There is no such folder, or no run in it.
        OSError: An event file cannot be written; what was there is still there.
    """
    runs = list(_runs_below(path)) if path.is_dir() else []
    if not runs:
        raise RunError(
            "There is no run here.", where=path, remedy="Name a run or a folder of runs."
        )
    left = [run for run in runs if _is_being_written(run)]
    rebuilt = [run for run in runs if run not in left]
    for run in rebuilt:
        rebuild(run)
    return rebuilt, left


def _runs_below(path: Path) -> Iterator[Path]:
    """Give the folders that hold a journal; no link to a folder is followed."""
    for folder, inner, files in os.walk(path):
        inner.sort()
        if JOURNAL_FILE in files:
            yield Path(folder)


def _is_being_written(run: Path) -> bool:
    try:
        running = read_run(run)["status"] == "running"
    except RunError:
        return False
    quiet = time.time() - (run / JOURNAL_FILE).stat().st_mtime
    return running and quiet < QUIET_SECONDS
