"""The runs under some folders, as the records tell of them: whole ones, lost ones, damaged ones.

Only the manifests are read here. Journals and predictions are read when asked for: a thousand runs
must load in seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipbench.analysis.predictions import Predictions, read_predictions
from clipbench.records.choices import option, typed
from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.reading import RunError
from clipbench.records.run_dir import RUN_FILE, read_run
from clipbench.records.scalars import Sample, read_scalars

UNREADABLE = "unreadable"
_ORIGIN = ("commit", "dirty", "versions", "device")


@dataclass(frozen=True)
class Run:
    """One run directory.

    Attributes:
        path: The folder, below the path it was searched under.
        status: How the run stands, as in its manifest, or ``unreadable``: then nothing but the
            path and the cause is known, and all else is empty.
        cause: Why it did not finish, or cannot be read.
        config: The resolved config.
        overrides: What was typed for it.
        group: The hash that runs share which differ in the seed alone.
        seed: Its seed.
        results: Final numbers under the tags of the journal; empty where it did not finish.
        origin: What made it: commit, versions, device; a part is missing where it is not known.
    """

    path: Path
    status: str
    cause: str | None
    config: dict[str, Any]
    overrides: tuple[str, ...]
    group: str
    seed: int | None
    results: dict[str, float]
    origin: dict[str, Any] = field(default_factory=dict)

    @property
    def clip(self) -> str:
        """The option typed for ``clip``, else the name of its file."""
        return self.option("clip")

    @property
    def data(self) -> str:
        """The option typed for ``data``, else the name of its file."""
        return self.option("data")

    @property
    def model(self) -> str:
        """The option typed for ``model``, else the name of its file."""
        return self.option("model")

    def option(self, group: str) -> str:
        """Name the choice of a config group; empty where the config has no such group."""
        return option(self.config, self.overrides, group)

    def typed(self, key: str) -> str | None:
        """Return the text typed for a key, without quotes, or None; the last one counts."""
        return typed(self.overrides, key)

    def scalars(self) -> tuple[list[Sample], int]:
        """Read the scalars of the journal, and how many of its lines are damaged.

        Raises:
            RunError: There is none.
        """
        return read_scalars(self.path / JOURNAL_FILE)

    def predictions(self) -> Predictions:
        """Read what the run answered for each test image.

        Raises:
            RunError: The file is missing or damaged.
        """
        return read_predictions(self.path)


def load_runs(paths: Sequence[Path]) -> list[Run]:
    """Load every run below some folders, each once, in the order of the paths.

    No link to a folder is followed. A run, or a folder, that cannot be read stands in the list
    with the status ``unreadable`` and the reason.

    Raises:
        RunError: A path is no folder.
    """
    runs: dict[Path, Run] = {}
    for path in paths:
        if not path.is_dir():
            raise RunError(
                "There is no such folder.", where=path, remedy="Name a run, or a folder of runs."
            )
        for run in _runs_below(path):
            runs.setdefault(run.path.resolve(), run)
    return list(runs.values())


def _runs_below(path: Path) -> Iterator[Run]:
    refused: list[OSError] = []
    for folder, inner, files in os.walk(path, onerror=refused.append):
        inner.sort()
        if RUN_FILE in files:
            yield _load(Path(folder))
    for error in refused:
        yield _unreadable(Path(error.filename), f"The folder cannot be read: {error.strerror}.")


def _load(folder: Path) -> Run:
    try:
        manifest = read_run(folder)
    except RunError as error:
        return _unreadable(folder, str(error).partition("\n")[0])
    return Run(
        path=folder,
        status=manifest["status"],
        cause=manifest["cause"],
        config=manifest["config"],
        overrides=tuple(str(text) for text in manifest["overrides"]),
        group=manifest["group"],
        seed=manifest["seed"],
        results=manifest["results"],
        origin={key: value for key, value in manifest.items() if key in _ORIGIN},
    )


def _unreadable(folder: Path, cause: str) -> Run:
    return Run(folder, UNREADABLE, cause, {}, (), "", None, {})
