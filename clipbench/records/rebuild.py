"""Event files made anew from the journals of many runs: for lost, damaged or outdated ones."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.reading import RunError
from clipbench.records.run_dir import read_run
from clipbench.records.view import rebuild

QUIET_SECONDS = 120.0


@dataclass(frozen=True)
class Rebuilt:
    """What became of the runs of a folder.

    Attributes:
        made: Those whose event file was made anew.
        left: Those left alone because they are being written: status running, and a journal that
            grew within the last two minutes.
        damaged: Of some of the made ones, how many lines of their journal cannot be shown.
        refused: Those that cannot be shown at all, with the reason; their event files are as
            before.
    """

    made: list[Path] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)
    damaged: dict[Path, int] = field(default_factory=dict)
    refused: dict[Path, str] = field(default_factory=dict)


def rebuild_all(path: Path) -> Rebuilt:
    """Make the event file of every run at or below a folder anew; one bad run stops no other.

    Raises:
        RunError: There is no such folder, or no run in it.
        OSError: An event file cannot be written; what was there is still there.
    """
    runs = list(_runs_below(path)) if path.is_dir() else []
    if not runs:
        raise RunError(
            "There is no run here.", where=path, remedy="Name a run or a folder of runs."
        )
    result = Rebuilt()
    for run in runs:
        if _is_being_written(run):
            result.left.append(run)
        else:
            _rebuild(run, result)
    return result


def _rebuild(run: Path, result: Rebuilt) -> None:
    try:
        damaged = rebuild(run)
    except RunError as error:
        result.refused[run] = str(error).partition("\n")[0]
        return
    result.made.append(run)
    if damaged > 0:
        result.damaged[run] = damaged


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
    quiet = time.time() - (run / JOURNAL_FILE).lstat().st_mtime
    return running and quiet < QUIET_SECONDS
