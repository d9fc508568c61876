"""One of Hydra's jobs: the folder it made, the configuration it composed, and how it ends."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from clipbench.cli.folders import relative


def run_hydra_job(config: DictConfig) -> None:
    """Run one job in the folder that Hydra made for it.

    A single run ends the process with its exit code. A job of a sweep runs in a child process and
    only records how it ended, so that the jobs after it run; the sweep reads the records.
    """
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    own = {str(key): value for key, value in plain.items() if key != "sweep"}
    if HydraConfig.get().mode == RunMode.RUN:
        sys.exit(_run_alone(own))
    _run_in_sweep(first_seed=own["seed"])


def _run_alone(config: dict[str, Any]) -> int:
    from clipbench.cli.job import run_job
    from clipbench.cli.summary import show_run

    node = HydraConfig.get()
    return run_job(
        config,
        folder=relative(Path(node.runtime.output_dir)),
        overrides=[text.lstrip("+") for text in node.overrides.task],
        show=partial(show_run, trust=config["trust"]),
    )


def _run_in_sweep(*, first_seed: int) -> None:
    # Nothing here imports torch: a worker only watches, the child computes.
    from clipbench.cli.sweeps.worker import work

    node = HydraConfig.get()
    sweep = relative(Path(node.sweep.dir).absolute())
    remote = _may_outlive_its_driver(node.launcher)
    work(sweep, node.sweep.subdir, first_seed=first_seed, remote=remote)


def _may_outlive_its_driver(launcher: DictConfig) -> bool:
    """Tell whether jobs run on a cluster that other machines share."""
    address = OmegaConf.select(launcher, "ray.init.address")
    return "slurm" in launcher._target_.lower() or address is not None
