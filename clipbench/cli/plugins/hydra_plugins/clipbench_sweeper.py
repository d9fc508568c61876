"""Hydra's door to our sweeps: hands the planned jobs to whichever launcher was chosen.

Hydra finds its plugins by importing every module in this folder, so this one imports little.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class PlannedSweeper(Sweeper):
    """Launches the jobs of ``sweep.json`` that are still to do, in the configuration checked."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Make the launcher, with a loader that gives it the planned configurations."""
        from clipbench.cli.sweeps.planned_loader import PlannedLoader

        folder = Path(config.hydra.sweep.dir)
        loader = cast(ConfigLoader, PlannedLoader(folder))
        planned = HydraContext(config_loader=loader, callbacks=hydra_context.callbacks)
        self.folder = folder
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=planned, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Launch; the overrides come from the plan, not from Hydra's command line.

        How a job ended is read from its records. Only what kept a job from running at all, such as
        an error of the launcher's, comes back here.
        """
        from clipbench.cli.sweeps.planned_loader import numbered
        from clipbench.records.sweep_file import read_sweep

        jobs = enumerate(read_sweep(self.folder).jobs)
        lines = [numbered(number, job.overrides) for number, job in jobs if not job.done]
        for returned in self.launcher.launch(lines, initial_job_idx=0) if lines else []:
            _ = returned.return_value  # raises what the job itself could not record
