"""One of Hydra's jobs: the folder it made, the configuration it composed, and how it ends."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from clipbench.cli.folders import relative
from clipbench.cli.job import run_job
from clipbench.cli.summary import show_line, show_run


def run_hydra_job(config: DictConfig) -> None:
    """Run one job in the folder that Hydra made for it.

    A single run ends the process with its exit code. A job of a sweep only records how it ended,
    so that the jobs after it run; the sweep reads the records.
    """
    node = HydraConfig.get()
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    alone = node.mode == RunMode.RUN
    code = run_job(
        {str(key): value for key, value in plain.items()},
        folder=relative(Path(node.runtime.output_dir)),
        overrides=[text.lstrip("+") for text in node.overrides.task],
        show=partial(show_run, trust=plain["trust"]) if alone else show_line,
    )
    if alone:
        sys.exit(code)
