"""``clipbench train resume=RUN``: go on with a run, or with all seeds of a job, where it stopped.

The configuration is that of the run's own ``run.json``, through the same check as a typed one. Only
what cannot change a number may be given anew; for the rest there is ``clipbench rerun``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from clipbench.cli.errors import ConfigError
from clipbench.cli.job import run_job
from clipbench.cli.recorded import read_recorded
from clipbench.cli.summary import show_run
from clipbench.records.reading import RunError
from clipbench.records.run_dir import RUN_FILE, read_run

MAY_CHANGE = (
    "data.root",
    "data.offline",
    "trainer.device",
    "trainer.save_every",
    "trainer.stack",
    "trust",
)


def resume(path: Path, overrides: Sequence[str]) -> int:
    """Go on with a run directory, or a job's folder, and return the exit code.

    Args:
        path: The directory of one run, or the folder whose ``seed=<n>`` are the runs of one job.
        overrides: Of the keys in `MAY_CHANGE`.

    Raises:
        RunError: There is no run, or it is damaged.
        ConfigError: An override may not change, or the recorded configuration is not accepted.
    """
    refuse_changes(overrides)
    runs = _runs_of(path)
    recorded = read_recorded(runs[0], overrides)
    record, config = recorded.record, recorded.config
    if path not in runs:
        config |= _seeds_of_job(runs)
    typed = [*record["overrides"], *recorded.typed]
    show = partial(show_run, trust=config["trust"])
    return run_job(config, folder=path, overrides=typed, show=show)


def refuse_changes(overrides: Sequence[str]) -> None:
    """Raise ``ConfigError`` for each override that could make another run of it."""
    keys = [text.lstrip("+").partition("=")[0] for text in overrides]
    wrong = [key for key in keys if key not in MAY_CHANGE]
    if wrong:
        allowed = ", ".join(MAY_CHANGE)
        raise ConfigError(
            [
                f"{key}: cannot change on resume ({allowed} can); use clipbench rerun"
                for key in wrong
            ]
        )


def _runs_of(path: Path) -> list[Path]:
    if (path / RUN_FILE).exists():
        return [path]
    runs = sorted(file.parent for file in path.glob(f"seed=*/{RUN_FILE}"))
    if not runs:
        raise RunError(
            "There is no run to go on with.",
            where=path,
            remedy="Name a run directory, or the folder of a job that holds seed=<n> folders.",
        )
    return runs


def _seeds_of_job(runs: Sequence[Path]) -> dict[str, int]:
    """Return the first seed of a job and how many it has; the last need not have begun.

    Raises:
        RunError: The folders are not the seeds of one job.
    """
    records = [read_run(run) for run in runs]
    seeds = sorted(record["seed"] for record in records)
    consecutive = seeds == list(range(seeds[0], seeds[0] + len(seeds)))
    if not consecutive or len({record["group"] for record in records}) > 1:
        raise RunError(
            "The seed folders do not belong to one job.",
            where=runs[0].parent,
            remedy="Go on with each by itself: clipbench train resume=RUN.",
        )
    asked = [record["config"].get("num_seeds", 1) for record in records]
    return {"seed": seeds[0], "num_seeds": max(len(seeds), *asked)}
