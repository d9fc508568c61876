"""What Hydra's launchers ask for a job's configuration: gives the one that was checked.

A launcher would compose each job once more, which costs as much as a small training run and might
find other files than the check has found.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, open_dict

from clipbench.records.sweep_file import read_sweep

_NUMBER = "job="


def numbered(number: int, overrides: Sequence[str]) -> list[str]:
    """Return a job's overrides with the number under which the plan holds it."""
    return [*overrides, f"{_NUMBER}{number}"]


class PlannedLoader:
    """Stands in for Hydra's loader; small, because it travels to every worker."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: Sequence[str]
    ) -> DictConfig:
        """Return the configuration of a numbered job beside Hydra's own node."""
        job = read_sweep(self._folder).jobs[int(sweep_overrides[-1].removeprefix(_NUMBER))]
        config = copy.deepcopy(master_config)
        with open_dict(config):
            for key in [key for key in config if key != "hydra"]:
                del config[key]
            for key, value in job.config.items():
                config[key] = value
            config.hydra.overrides.task = list(job.overrides)
            config.hydra.sweep.subdir = job.folder
            # A worker has nothing to log: its child does, and writes to the job's own file.
            config.hydra.job_logging = config.hydra.hydra_logging
        return config
