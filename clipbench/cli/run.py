"""Seeds in their run directories: what is done there before, and every way to end."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from clipbench.cli.assemble import shape_of
from clipbench.cli.begun import begin, concluded, train_all
from clipbench.cli.errors import DIVERGED, DONE, USAGE, describe
from clipbench.cli.garbage import started
from clipbench.cli.resumption import forget_attempts, newest_common
from clipbench.cli.stopping import StopRequest
from clipbench.data.images import ImageData
from clipbench.records.lock import exclusive
from clipbench.records.run_dir import (
    RUN_FILE,
    RunDirectory,
    Status,
    read_run,
    refuse_other_config,
)
from clipbench.records.view import end_session
from clipbench.training.compiled import NoCompiler
from clipbench.training.finite import Diverged
from clipbench.training.loop import Interrupted


def run_together(
    configs: Mapping[Path, Mapping[str, Any]],
    data: ImageData,
    *,
    audit: Mapping[str, Any],
    overrides: Sequence[str],
    stop: StopRequest,
    stack: int = 1,
    rerun: Sequence[str] = (),
    patience: float = 0.0,
) -> dict[Path, int]:
    """Train seeds at the same time and return their exit codes; what has ended is not repeated.

    What was begun and not ended is gone on with, from the newest state that all of them have.

    Args:
        configs: By run directory, checked configurations that differ in the seed alone.
        data: The data set, on the device.
        audit: What the audit before training found.
        overrides: What the user typed.
        stop: Tells whether to stop between two steps.
        stack: How many seeds train as one stack, those that have ended included; 1 for none.
        rerun: Results that are thrown away and made again: ``finished``, ``diverged``.
        patience: Seconds to wait for another process that still writes there.

    Raises:
        RunError: A directory holds a run of another configuration, or checkpoints and none good.
        Busy: Another process writes there.
        ConfigError: A part refuses its arguments; the runs are recorded as failed.
    """
    codes = {}
    with ExitStack() as held:
        left = {}
        for path, config in configs.items():
            path.mkdir(parents=True, exist_ok=True)
            held.enter_context(exclusive(path, patience=patience))
            ended = _ended_before(config, path)
            if ended is None or ended in rerun:
                left[path] = config
                if ended is not None:
                    forget_attempts(path)
                continue
            print(f"{path}: {ended} already; repeat it with: clipbench rerun {path}")
            codes[path] = DONE if ended == "finished" else DIVERGED
        if left:
            codes |= _run(left, data, stop=stop, stack=stack, audit=audit, overrides=overrides)
    return {path: codes[path] for path in configs}


def _run(  # noqa: C901 -- every way to end stands here, so that none is forgotten
    configs: Mapping[Path, Mapping[str, Any]],
    data: ImageData,
    *,
    stop: StopRequest,
    stack: int,
    **typed: Any,  # noqa: ANN401
) -> dict[Path, int]:
    """Train seeds and write how each ended, whatever happens."""
    saved = newest_common(list(configs))
    open_runs = {
        path: _open(config, data, path, stack=stack, saved=saved.get(path), **typed)
        for path, config in configs.items()
    }
    codes = {}

    def end(path: Path, status: Status, code: int, **found: Any) -> None:  # noqa: ANN401
        _finish(open_runs.pop(path), status, **found)
        codes[path] = code

    def end_all(status: Status, code: int, cause: str) -> None:
        for path in list(open_runs):
            end(path, status, code, cause=cause)

    try:
        with ExitStack() as recorders:
            begun = [
                begin(path, config, data, saved.get(path), recorders)
                for path, config in configs.items()
            ]
            started()
            train_all(begun, data, stop=stop, stacked=stack > 1)
            for one in begun:
                lost = one.run.diverged
                results = concluded(one, data) if lost is None else {}
                one.run.recorder.close()
                if lost is None:
                    end(one.path, "finished", DONE, results=results)
                else:
                    end(one.path, "diverged", DIVERGED, cause=_said(lost, one.path))
    except Interrupted:
        assert stop.code is not None
        for where in {_job_of(path, config): None for path, config in configs.items()}:
            print(f"Stopped; go on with: clipbench train resume={where}", file=sys.stderr)
        end_all("interrupted", stop.code, "stopped by a signal")
    except Diverged as error:
        end_all("diverged", DIVERGED, _said(error, *open_runs))
    except SystemExit as error:
        if stop.code is None:
            end_all("failed", USAGE, describe(error) or "SystemExit")
        else:
            end_all("interrupted", stop.code, "stopped by a second signal")
        raise
    except BaseException as error:
        hint = _user_hint(error, data.train.images.device, configs)
        end_all("failed", USAGE, hint or describe(error) or type(error).__name__)
        if hint is None:
            raise
        print(f"clipbench: {hint}", file=sys.stderr)
    return codes


def _open(
    config: Mapping[str, Any],
    data: ImageData,
    path: Path,
    *,
    stack: int,
    saved: Mapping[str, Any] | None,
    audit: Mapping[str, Any],
    overrides: Sequence[str],
) -> RunDirectory:
    return RunDirectory.create(
        path,
        config=config,
        device=str(data.train.images.device),
        threads=torch.get_num_threads(),
        stack=stack,
        resumed_at=None if saved is None else saved["step"],
        audit=audit,
        overrides=overrides,
        data={
            "name": data.name,
            "shape": {**shape_of(data)},
            "provenance": {**data.provenance},
        },
    )


def _job_of(path: Path, config: Mapping[str, Any]) -> Path:
    """Return what to go on with: a run by itself, or the job of several seeds that it is of."""
    return path if config["num_seeds"] == 1 else path.parent


def _said(error: Diverged, *paths: Path) -> str:
    """Tell of a divergence, and return it as the cause."""
    hint = "Try a smaller optim.lr, or grad_clip=norm."
    for path in paths:
        print(f"clipbench: {error}\n  {path}\n  {hint}", file=sys.stderr)
    return str(error)


def _finish(
    run: RunDirectory,
    status: Status,
    *,
    results: Mapping[str, float] = MappingProxyType({}),
    cause: str | None = None,
) -> None:
    """Write how the run ended, for readers and then for those who watch it in TensorBoard."""
    run.finish(status, results=results, cause=cause)
    with suppress(OSError):  # its event file may be what could not be written, which was said
        end_session(run.path, status, time=time.time())


def _ended_before(config: Mapping[str, Any], path: Path) -> str | None:
    """Return how this very run ended here before, or None if it is to be done (again)."""
    refuse_other_config(path, config)
    if not (path / RUN_FILE).exists():
        return None
    status = str(read_run(path)["status"])
    return status if status in ("finished", "diverged") else None


def _user_hint(
    error: BaseException, device: torch.device, configs: Mapping[Path, Mapping[str, Any]]
) -> str | None:
    """Say what to do about what the machine lacks; None where the error is another."""
    if isinstance(error, NoCompiler):
        return str(error)
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    if not known and "can't allocate memory" not in str(error):
        return None
    size = next(iter(configs.values()))["trainer"]["batch_size"]
    return (
        f"out of memory on {device} with trainer.batch_size={size}\n"
        f"  Try trainer.batch_size={max(size // 2, 1)}, or narrower model.widths."
    )
