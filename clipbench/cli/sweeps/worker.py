"""What a launcher's worker does with one job: runs it, says in a line how it went, and goes on."""

from __future__ import annotations

import os
import threading
import time
from functools import cache
from pathlib import Path
from statistics import fmean

from clipbench.cli.sweeps.attempt import run_isolated
from clipbench.cli.sweeps.child import LOG_FILE
from clipbench.cli.sweeps.lost import statuses
from clipbench.cli.sweeps.progress import say
from clipbench.records.lock import is_own, wait_until_free
from clipbench.records.run_dir import read_run
from clipbench.records.sweep_file import PlannedJob, read_sweep


def work(sweep: Path, folder: str, *, first_seed: int, remote: bool) -> None:
    """Run the planned job of a folder.

    Args:
        sweep: The sweep's folder.
        folder: The job's folder below it.
        first_seed: Its first seed: jobs that differ in nothing else share a folder.
        remote: Whether the job may outlive the command that started the sweep.
    """
    plan = read_sweep(sweep)
    if not remote and not is_own(sweep):
        end_with_driver(sweep)
    place = (folder, first_seed)
    jobs = enumerate(plan.jobs, start=1)
    number, job = next((n, job) for n, job in jobs if (job.folder, job.seeds[0]) == place)
    started = time.monotonic()
    run_isolated(job, sweep, settings=plan.settings)
    told = told_of(job, sweep, seconds=time.monotonic() - started)
    say(sweep, f"[{number}/{len(plan.jobs)}] {told}")


@cache
def end_with_driver(sweep: Path) -> None:
    """End this worker when the process that drives the sweep has gone, killed or not."""

    def watch() -> None:
        wait_until_free(sweep)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def told_of(job: PlannedJob, sweep: Path, *, seconds: float) -> str:
    """Say in one line how a job went."""
    runs = {seed: sweep / place for seed, place in job.runs().items()}
    found = statuses(job, sweep)
    finished = [read_run(runs[seed]) for seed, status in found.items() if status == "finished"]
    accuracies = [run["results"]["test/accuracy"] for run in finished]
    parts = [f"test {100 * fmean(accuracies):.2f} %"] if accuracies else []
    for status in dict.fromkeys(found.values()):
        seeds = [seed for seed, other in found.items() if other == status]
        parts.append(status if len(seeds) == len(found) else f"{len(seeds)} {status}")
    line = f"{job.folder}  {', '.join(reversed(parts))}  {seconds:.1f} s"
    causes = [read_run(runs[seed])["cause"] for seed, s in found.items() if s == "failed"]
    if causes:
        line += f"\n    {str(causes[0]).splitlines()[0]}; log: {sweep / job.folder / LOG_FILE}"
    return line
