"""How a sweep ended: the table, every run without a result and its cause, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from clipbench.cli.compose import Refused
from clipbench.cli.errors import DIVERGED, DONE, SOME_FAILED
from clipbench.cli.sweeps.child import LOG_FILE
from clipbench.cli.sweeps.lost import NOT_STARTED, statuses
from clipbench.cli.sweeps.plan import RESULTS
from clipbench.records.reading import RunError
from clipbench.records.sweep_file import PlannedJob


def ending(jobs: Sequence[PlannedJob], refused: Sequence[Refused], folder: Path) -> int:
    """Return the exit code: 1 where a job has no result, else 5 where a run diverged, else 0."""
    found = [status for job in jobs for status in statuses(job, folder).values()]
    if refused or any(status not in RESULTS for status in found):
        return SOME_FAILED
    return DIVERGED if "diverged" in found else DONE


def show_end(jobs: Sequence[PlannedJob], refused: Sequence[Refused], folder: Path) -> None:
    """Print the comparison with every run that gave no number; write means for TensorBoard."""
    from clipbench.analysis.lost import NEVER_STARTED, Lost
    from clipbench.cli.report import print_comparison

    found = [(job, seed, status) for job in jobs for seed, status in statuses(job, folder).items()]
    print_comparison(
        [folder],
        unstarted=[
            Lost(" ".join(job.overrides), seed, NEVER_STARTED, folder / job.runs()[seed])
            for job, seed, status in found
            if status == NOT_STARTED
        ],
    )
    for job in refused:
        print(f"refused  {' '.join(job.overrides)}: {'; '.join(job.faults)}")
    _show_means(folder)
    without = sum(status not in RESULTS for _, _, status in found)
    if without:
        print(
            f"{without} of {len(found)} runs have no result; the folder of each job holds"
            f" {LOG_FILE}.\nThe same command runs just these again.",
            file=sys.stderr,
        )


def _show_means(folder: Path) -> None:
    """Write the means over seeds for TensorBoard, which is only a view: trouble there is said."""
    from clipbench.analysis.summary_runs import write_summaries

    try:
        write_summaries(folder)
    except (OSError, RunError) as error:
        print(f"The means for TensorBoard are not written: {error}", file=sys.stderr)
