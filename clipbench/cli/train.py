"""``clipbench train``: compose, check, and only then let Hydra run the jobs."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipbench.cli.children import begin_fork_server
from clipbench.cli.errors import DONE, ConfigError, guarded
from clipbench.cli.flags import kept_flags, parse_arguments
from clipbench.cli.folders import single_run_folder, sweep_folder
from clipbench.cli.garbage import start_up
from clipbench.cli.through_hydra import through_hydra
from clipbench.cli.train_help import train_help

if TYPE_CHECKING:
    from clipbench.cli.compose import Job


def main(arguments: list[str]) -> int:
    """Run ``clipbench train`` and return its exit code."""
    with start_up():
        return guarded(lambda: _main(arguments))


def _main(arguments: list[str]) -> int:
    parsed = parse_arguments(arguments)
    if parsed.help:
        print(train_help(parsed.config_dir), end="")
        return DONE
    if parsed.hydra_help or parsed.info or parsed.shell_completion:
        return through_hydra(arguments)
    wished = [text for text in parsed.overrides if text.lstrip("+").startswith("resume=")]
    return _resumed(parsed, wished[-1]) if wished else _checked(parsed)


def _resumed(parsed: Namespace, wish: str) -> int:
    """Go on with a run; Hydra has no part in it, for the configuration is that of the run."""
    from clipbench.cli.resume import resume

    flags = [name for name in ("multirun", "cfg", "dry_run") if getattr(parsed, name)]
    if flags:
        raise ConfigError([f"resume: goes without --{flags[0].replace('_', '-')}"])
    others = [text for text in parsed.overrides if not text.lstrip("+").startswith("resume=")]
    return resume(Path(wish.partition("=")[2].strip("'\"")), others)


def _checked(parsed: Namespace) -> int:
    """Compose and check; then show a configuration, run one job, or run a sweep."""
    _prepare(parsed)
    from clipbench.cli.compose import compose

    composition = compose(parsed.overrides, multirun=parsed.multirun, config_dir=parsed.config_dir)
    if parsed.cfg is not None:
        return through_hydra([*kept_flags(parsed), *composition.overrides])
    if composition.multirun:
        from clipbench.cli.sweeps.drive import drive

        folder = _typed_folder(parsed, composition.jobs[0], "sweep.dir")
        folder = folder or sweep_folder(composition.jobs[0].config["name"])
        return drive(composition, folder, flags=kept_flags(parsed), dry_run=parsed.dry_run)
    job = composition.jobs[0]
    path = _typed_folder(parsed, job, "run.dir") or single_run_folder(job.config, job.overrides)
    if parsed.dry_run:
        print(f"1 job: {' '.join(job.overrides) or 'the defaults'}\n  {path}")
        return DONE
    return _run_one(path, job.config, [*kept_flags(parsed), *composition.overrides])


def _prepare(parsed: Namespace) -> None:
    """Begin at once what several seeds will need: by the time they do, it is there."""
    other = parsed.multirun or parsed.dry_run or parsed.cfg is not None
    typed = any(text.lstrip("+").startswith("num_seeds=") for text in parsed.overrides)
    if typed and not other and os.environ.get("OMP_NUM_THREADS") != "1":
        begin_fork_server()


def _run_one(path: Path, config: dict[str, Any], arguments: list[str]) -> int:
    from clipbench.records.run_dir import refuse_other_config

    refuse_other_config(path, config)  # here, because Hydra writes into the folder at once
    path.mkdir(parents=True, exist_ok=True)
    return through_hydra([*arguments, f"hydra.run.dir='{path}'"])


def _typed_folder(parsed: Namespace, job: Job, key: str) -> Path | None:
    """Return the folder that the command line gives to one of Hydra's own keys, if it does."""
    from clipbench.cli.hydra_node import folder_in

    typed = any(text.partition("=")[0] == f"hydra.{key}" for text in parsed.overrides)
    return folder_in(job.hydra, key, config=job.config) if typed else None
