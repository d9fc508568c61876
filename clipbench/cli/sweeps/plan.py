"""The plan of a sweep: which jobs, in which folders, and which of them have ended already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from clipbench.cli.compose import Job
from clipbench.cli.errors import ConfigError
from clipbench.cli.folders import job_folder
from clipbench.records.config_hash import config_hash
from clipbench.records.reading import RunError
from clipbench.records.run_dir import RUN_FILE, Manifest, read_run, refuse_other_config
from clipbench.records.sweep_file import PlannedJob

RESULTS = ("finished", "diverged")
"""How a run that need not be repeated has ended: a divergence is an answer too."""


def make_plan(jobs: Sequence[Job], folder: Path, *, rerun: Sequence[str] = ()) -> list[PlannedJob]:
    """Give each job its folder, and find out which have ended, wherever in the sweep they lie.

    Args:
        jobs: Checked jobs, in the order in which they shall start; of equal ones the first counts.
        folder: The sweep's folder, which need not exist yet.
        rerun: Results that do not count: their jobs are to do again.

    Raises:
        ConfigError: Two different jobs share a run directory.
        RunError: A run directory holds a run of another configuration.
    """
    held = _runs_below(folder)
    ended = {
        run["config_hash"]
        for run in held.values()
        if run["status"] in RESULTS and run["status"] not in rerun
    }
    planned: dict[tuple[str, ...], PlannedJob] = {}
    for job in jobs:
        plan = _planned(job, ended)
        planned.setdefault(tuple(plan.runs().values()), plan)
        _refuse_taken(plan, folder, held)
    _refuse_shared(list(planned.values()))
    return list(planned.values())


def _planned(job: Job, ended: set[str]) -> PlannedJob:
    first, count = job.config["seed"], job.config["num_seeds"]
    plan = PlannedJob(
        folder=job_folder(job.overrides, first, count),
        overrides=job.overrides,
        config=job.config,
        seeds=tuple(range(first, first + count)),
    )
    return replace(plan, done=all(config_hash(plan.config_of(s)) in ended for s in plan.seeds))


def _runs_below(folder: Path) -> dict[Path, Manifest]:
    """Return the readable runs of a sweep; a damaged one is met when its job comes to run."""
    runs = {}
    for file in sorted(folder.rglob(RUN_FILE)):
        try:
            runs[file.parent] = read_run(file.parent)
        except RunError:
            continue
    return runs


def _refuse_taken(job: PlannedJob, folder: Path, held: Mapping[Path, Manifest]) -> None:
    for seed, place in job.runs().items():
        config = job.config_of(seed)
        run = held.get(folder / place)
        if run is not None and run["config_hash"] != config_hash(config):
            refuse_other_config(folder / place, config)


def _refuse_shared(jobs: Sequence[PlannedJob]) -> None:
    count = Counter(place for job in jobs for place in job.runs().values())
    shared = sorted(place for place, times in count.items() if times > 1)
    if shared:
        fault = f"seed: jobs overlap in {shared[0]}; list seeds further apart, or num_seeds=1"
        raise ConfigError([fault])
