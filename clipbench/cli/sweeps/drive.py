"""Drives a sweep: what it will do, the jobs under the chosen launcher, and how they ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clipbench.cli.compose import OWN_JOBS, Composition
from clipbench.cli.errors import DONE, INTERRUPTED, TERMINATED
from clipbench.cli.garbage import started
from clipbench.cli.hydra_set_up import let_workers_find_plugins
from clipbench.cli.stopping import unwinding_on_sigterm
from clipbench.cli.sweeps.attempt import STOP_FILE
from clipbench.cli.sweeps.estimate import estimate
from clipbench.cli.sweeps.lost import record_stale
from clipbench.cli.sweeps.outcome import ending, show_end
from clipbench.cli.sweeps.plan import make_plan
from clipbench.cli.sweeps.progress import echoed
from clipbench.cli.sweeps.shown import announced, expected, listed
from clipbench.cli.through_hydra import through_hydra
from clipbench.records.lock import exclusive
from clipbench.records.sweep_file import PlannedJob, write_sweep

LAUNCHER = "hydra/launcher"


def drive(composition: Composition, folder: Path, *, flags: Sequence[str], dry_run: bool) -> int:
    """Run every job of a sweep that has not ended yet, and return the exit code.

    Args:
        composition: The checked jobs.
        folder: The sweep's folder; what has ended in it is kept.
        flags: Flags for Hydra beside the overrides.
        dry_run: Only list the jobs.

    Raises:
        Busy: Another process drives this sweep.
        RunError: A run directory holds a run of another configuration.
    """
    started()
    jobs = make_plan(composition.jobs, folder, rerun=composition.sweep["rerun"])
    if dry_run:
        print(listed(jobs, composition.refused, folder))
        return DONE
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder):
        print(announced(jobs, composition.refused, folder), file=sys.stderr)
        settings = _settings(composition)
        write_sweep(folder, jobs, settings=settings)
        (folder / STOP_FILE).unlink(missing_ok=True)
        to_do = [job for job in jobs if not job.done]
        at_once = min(len(to_do), _at_once(composition, settings))
        words = [*flags, *_launcher_words(composition)]
        code = _launch(to_do, words, folder, at_once=at_once, timeout=settings["timeout"])
        record_stale(jobs, folder)
        show_end(jobs, composition.refused, folder)
    return code or ending(jobs, composition.refused, folder)


def _launch(
    jobs: Sequence[PlannedJob],
    arguments: Sequence[str],
    folder: Path,
    *,
    at_once: int,
    timeout: float | None,
) -> int:
    """Let Hydra's launcher run the jobs to do; return the code of a stop, else 0.

    That a job failed is no concern of this function: the records tell.
    """
    if not jobs:
        return DONE
    let_workers_find_plugins()
    try:
        with unwinding_on_sigterm(), echoed(folder):
            cost = estimate(jobs, timeout=timeout)
            print(expected(cost, at_once=at_once), file=sys.stderr)
            code = through_hydra([*arguments, f"hydra.sweep.dir='{folder}'"])
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SystemExit as stop:
        code = int(stop.code or DONE)
    finally:
        _end_workers()
    return code if code in (INTERRUPTED, TERMINATED) else DONE


def _settings(composition: Composition) -> dict[str, Any]:
    """Return the keys of ``sweep`` that hold while it runs."""
    settings = {key: value for key, value in composition.sweep.items() if key not in OWN_JOBS}
    if settings["jobs_at_once"] is None and _launcher(composition) == "submitit_local":
        settings["jobs_at_once"] = os.cpu_count()
    return settings


def _at_once(composition: Composition, settings: Mapping[str, Any]) -> int:
    """Return how many jobs run at a time, as far as this machine knows."""
    launcher, cores = composition.jobs[0].hydra.launcher, os.cpu_count() or 1
    workers = {"joblib": launcher.get("n_jobs"), "ray": -1, "submitit_local": -1}
    asked = workers.get(_launcher(composition), 1)
    started = cores if asked is None or asked < 0 else asked
    return min(started, settings["jobs_at_once"] or started)


def _launcher(composition: Composition) -> str:
    """Return the chosen launcher; an experiment may choose one too."""
    return str(composition.jobs[0].hydra.runtime.choices[LAUNCHER])


def _launcher_words(composition: Composition) -> list[str]:
    """Return the words that concern Hydra itself, with the launcher that was chosen anywhere."""
    words = [word for word in composition.overrides if word.startswith(("hydra", "~hydra"))]
    kept = [word for word in words if not word.startswith((LAUNCHER, "hydra.sweep", "hydra.run"))]
    return ["--multirun", f"{LAUNCHER}={_launcher(composition)}", *kept]


def _end_workers() -> None:
    """End joblib's workers, which would wait for more work when this sweep is over."""
    loky = sys.modules.get("joblib.externals.loky.reusable_executor")
    executor = getattr(loky, "_executor", None)
    if executor is not None:
        executor.shutdown(wait=True, kill_workers=True)
