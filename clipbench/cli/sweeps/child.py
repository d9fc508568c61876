"""Inside the process of one job: its log, its end with its parent, and its last words."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from clipbench.cli.children import GRACE, end_with_parent
from clipbench.cli.sweeps.lost import record_lost
from clipbench.records.sweep_file import PlannedJob

LOG_FILE = "job.log"


def run_child(job: PlannedJob, sweep: Path, *, rerun: Sequence[str], gpu: str | None) -> None:
    """Run one job to its end; the process exits with the job's code.

    Args:
        job: The job.
        sweep: The sweep's folder.
        rerun: Results that are thrown away and made again.
        gpu: The GPU that this job may see, as ``CUDA_VISIBLE_DEVICES`` names it; None for all.
    """
    os.setsid()  # Ctrl-C at the terminal goes to the sweep, which stops its jobs one by one
    _write_to(sweep / job.folder / LOG_FILE)
    end_with_parent()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    from clipbench.cli.errors import describe
    from clipbench.cli.job import run_seeds
    from clipbench.cli.summary import show_line

    try:
        code = run_seeds(
            job.config,
            folder=sweep / job.folder,
            overrides=job.overrides,
            show=show_line,
            rerun=rerun,
            patience=2 * GRACE,
        )
    except (KeyboardInterrupt, SystemExit):
        raise  # it was stopped before it had begun, or has written how it ended
    except BaseException as error:
        traceback.print_exc()
        record_lost(job, sweep, cause=describe(error) or type(error).__name__)
        raise SystemExit(1) from error
    sys.exit(code)


def _write_to(log: Path) -> None:
    """Send all that this process prints to the end of a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(descriptor, stream.fileno())
    os.close(descriptor)
