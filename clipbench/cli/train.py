"""``clipbench train``: compose, check, and only then let Hydra run the jobs."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

from clipbench.cli.conf_dir import conf_dir
from clipbench.cli.errors import DONE, SOME_FAILED, guarded
from clipbench.cli.flags import kept_flags, parse_arguments
from clipbench.cli.folders import job_folder, single_run_folder, sweep_folder
from clipbench.cli.train_help import train_help

OmegaConf.register_new_resolver("job_folder", job_folder, replace=True)


@hydra.main(config_path=str(conf_dir()), config_name="train", version_base="1.3")
def hydra_main(config: DictConfig) -> None:
    """Hand one of Hydra's jobs over; kept short because launchers pickle it by value."""
    from clipbench.cli.hydra_job import run_hydra_job

    run_hydra_job(config)


def main(arguments: list[str]) -> int:
    """Run ``clipbench train`` and return its exit code."""
    return guarded(lambda: _main(arguments))


def _main(arguments: list[str]) -> int:
    parsed = parse_arguments(arguments)
    if parsed.help:
        print(train_help(parsed.config_dir), end="")
        return DONE
    if parsed.hydra_help or parsed.info or parsed.shell_completion:
        return _through_hydra(arguments)
    if parsed.multirun and parsed.cfg is None:
        return _sweep(parsed)
    return _single(parsed)


def _single(parsed: Namespace) -> int:
    """Run one job, or only show its configuration."""
    from clipbench.cli.compose import compose
    from clipbench.records.run_dir import refuse_other_config

    composition = compose(parsed.overrides, multirun=parsed.multirun, config_dir=parsed.config_dir)
    arguments = [*kept_flags(parsed), *composition.overrides]
    if parsed.cfg is not None:
        return _through_hydra(arguments)
    job = composition.jobs[0]
    chosen = _chosen(parsed.overrides, "hydra.run.dir")
    path = single_run_folder(job.config, job.overrides) if chosen is None else Path(chosen)
    refuse_other_config(path, job.config)  # here, because Hydra writes into the folder at once
    path.mkdir(parents=True, exist_ok=True)
    return _through_hydra([*arguments, f"hydra.run.dir='{path}'"])


def _sweep(parsed: Namespace) -> int:
    """Run every job of a sweep, then show how each ended."""
    from clipbench.cli.compose import compose
    from clipbench.cli.summary import show_sweep

    composition = compose(parsed.overrides, multirun=True, config_dir=parsed.config_dir)
    arguments = [*kept_flags(parsed), *composition.overrides]
    chosen = _chosen(parsed.overrides, "hydra.sweep.dir")
    path = sweep_folder(composition.jobs[0].config["name"]) if chosen is None else Path(chosen)
    if chosen is None:
        arguments.append(f"hydra.sweep.dir='{path}'")
    path.mkdir(parents=True, exist_ok=True)
    print(f"{len(composition.jobs)} jobs, results in {path}", file=sys.stderr)
    code = _through_hydra(arguments)
    return code or (DONE if show_sweep(path) else SOME_FAILED)


def _through_hydra(arguments: Sequence[str]) -> int:
    """Let Hydra take its turn as if it had been called itself; return its exit code."""
    before = sys.argv
    sys.argv = ["clipbench train", *arguments]
    try:
        hydra_main()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    finally:
        sys.argv = before
    return DONE


def _chosen(overrides: Sequence[str], key: str) -> str | None:
    """Return the value that the command line gives to one of Hydra's own keys."""
    values = [text.partition("=")[2] for text in overrides if text.partition("=")[0] == key]
    return values[-1].strip("'\"") if values else None
