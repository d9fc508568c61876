"""One job: its seeds, each in its own run directory, in stacks and processes as they are shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clipbench.cli.assemble import load_data, pick_device
from clipbench.cli.audited import audit_at_start
from clipbench.cli.errors import DONE, guarded
from clipbench.cli.seed_groups import GOOD, Group, trained
from clipbench.cli.stacks import groups_of, shares_of
from clipbench.cli.stopping import stop_on_signals, unwinding_on_sigterm
from clipbench.cli.summary import show_line, show_seeds
from clipbench.records.lock import refuse_held
from clipbench.training.memory import keep_freed_memory


def run_job(
    config: Mapping[str, Any],
    *,
    folder: Path,
    overrides: Sequence[str],
    show: Callable[[Path], None],
) -> int:
    """Train every seed of a job, say how it went, and return the exit code.

    One seed's divergence does not touch the others. Any other failure ends the job.

    Args:
        config: A checked configuration.
        folder: The job's folder: the run directory of a single seed, the parent of several.
        overrides: What the user typed.
        show: How a run that has finished is shown, where the job is one seed.
    """
    return guarded(lambda: run_seeds(config, folder=folder, overrides=overrides, show=show))


def run_seeds(
    config: Mapping[str, Any],
    *,
    folder: Path,
    overrides: Sequence[str],
    show: Callable[[Path], None],
    rerun: Sequence[str] = (),
    patience: float = 0.0,
) -> int:
    """Do what `run_job` does, and raise what keeps the job from going on.

    Args:
        config: A checked configuration.
        folder: The job's folder.
        overrides: What the user typed.
        show: How a run that has finished is shown.
        rerun: Results of earlier runs that are thrown away and made again.
        patience: Seconds to wait for another process that still writes a run directory.
    """
    seeds = range(config["seed"], config["seed"] + config["num_seeds"])
    paths = {seed: folder if len(seeds) == 1 else folder / f"seed={seed}" for seed in seeds}
    if patience == 0:
        for path in paths.values():
            refuse_held(path)  # before the data is loaded; it is taken once it is needed
    keep_freed_memory()
    device = pick_device(config["trainer"]["device"])
    with unwinding_on_sigterm():  # nothing is open yet that would have to be saved
        keys: dict[str, Any] = {"audit": audit_at_start(config), "overrides": overrides}
        data = load_data(config).to(device)
        shares = shares_of(config, list(paths.values()), data)
    keys |= {"stack": shares.stack, "rerun": rerun, "patience": patience}
    groups = [
        Group({path: {**config, "seed": seed} for seed, path in group}, keys)
        for group in groups_of(list(paths.items()), shares.stack)
    ]
    codes: dict[Path, int] = {}
    with stop_on_signals() as stop:
        for ended in trained(groups, data, shares=shares, stop=stop):
            for path in (path for path, code in ended.items() if code == DONE):
                show(path) if len(seeds) == 1 else show_line(path)
            codes |= ended
    wrong = [code for code in codes.values() if code not in GOOD]
    if wrong:
        return wrong[0]
    if len(codes) < len(paths):
        assert stop.code is not None  # what else keeps seeds from being begun has failed
        return stop.code
    if len(seeds) > 1:
        show_seeds(list(paths.values()))
    return max(codes.values())
