"""The one door to ``hydra.main``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import hydra
from omegaconf import DictConfig

from clipbench.cli.conf_dir import conf_dir
from clipbench.cli.errors import DONE
from clipbench.cli.hydra_set_up import filled_schemas


@hydra.main(config_path=str(conf_dir()), config_name="train", version_base="1.3")
def hydra_main(config: DictConfig) -> None:
    """Hand one of Hydra's jobs over; kept short because launchers pickle it by value."""
    from clipbench.cli.hydra_job import run_hydra_job

    run_hydra_job(config)


def through_hydra(arguments: Sequence[str]) -> int:
    """Let Hydra take its turn as if it had been called itself; return its exit code."""
    before = sys.argv
    sys.argv = ["clipbench train", *arguments]
    try:
        with filled_schemas():
            hydra_main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    finally:
        sys.argv = before
    return DONE
