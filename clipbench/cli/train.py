"""``clipbench train``: compose, check, and only then let Hydra run the jobs."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from clipbench.cli.compose import CONFIG_NAME, Composition, compose, parse_arguments
from clipbench.cli.conf_dir import conf_dir
from clipbench.cli.errors import SOME_FAILED, complain, exit_code
from clipbench.cli.folders import job_folder, single_run_folder, sweep_folder
from clipbench.cli.summary import show_sweep
from clipbench.records.run_dir import refuse_other_config

OmegaConf.register_new_resolver("job_folder", job_folder, replace=True)


@hydra.main(config_path=str(conf_dir()), config_name=CONFIG_NAME, version_base="1.3")
def hydra_main(config: DictConfig) -> None:
    """Hand one of Hydra's jobs over; kept short because launchers pickle it by value."""
    from clipbench.cli.hydra_job import run_hydra_job

    run_hydra_job(config)


def main(arguments: list[str]) -> int:
    """Run ``clipbench train`` and return its exit code."""
    try:
        parsed = parse_arguments(arguments)
        if parsed.help or parsed.hydra_help or parsed.info or parsed.shell_completion:
            return _through_hydra(arguments)
        multirun = parsed.multirun
        listed = multirun or parsed.cfg is not None
        composition = compose(parsed.overrides, multirun=listed, config_dir=parsed.config_dir)
        if parsed.cfg is not None:
            return _through_hydra(_flags(parsed) + composition.overrides)
        if multirun:
            return _sweep(parsed, composition)
        return _single(parsed, composition)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        complain(error)
        return code


def _single(parsed: Namespace, composition: Composition) -> int:
    job = composition.jobs[0]
    folder = _chosen(parsed.overrides, "hydra.run.dir")
    if folder is None:
        path = single_run_folder(job.config, job.overrides)
        return _through_hydra([*_flags(parsed), *composition.overrides, f"hydra.run.dir='{path}'"])
    refuse_other_config(Path(folder), {**job.config})
    return _through_hydra([*_flags(parsed), *composition.overrides])


def _sweep(parsed: Namespace, composition: Composition) -> int:
    chosen = _chosen(parsed.overrides, "hydra.sweep.dir")
    path = sweep_folder(composition.jobs[0].config["name"]) if chosen is None else Path(chosen)
    extra = [] if chosen is not None else [f"hydra.sweep.dir='{path}'"]
    print(f"{len(composition.jobs)} jobs, results in {path}", file=sys.stderr)
    code = _through_hydra([*_flags(parsed), *composition.overrides, *extra])
    return code or (0 if show_sweep(path) else SOME_FAILED)


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
    return 0


def _flags(parsed: Namespace) -> list[str]:
    """Return the flags of Hydra's that go on to it beside the overrides."""
    flags = ["--multirun"] if parsed.multirun else []
    for name in ("cfg", "package", "config_dir"):
        value: Any = getattr(parsed, name)
        if value is not None:
            flags += [f"--{name.replace('_', '-')}", str(value)]
    return [*flags, "--resolve"] if parsed.resolve else flags


def _chosen(overrides: Sequence[str], key: str) -> str | None:
    """Return the value that the command line gives to one of Hydra's own keys."""
    values = [text.partition("=")[2] for text in overrides if text.partition("=")[0] == key]
    return values[-1].strip("'\"") if values else None


