"""One run: one seed in one run directory, from the first record to the final status."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Any

import torch

from clipbench.cli.assemble import assemble, ordered, shape_of
from clipbench.cli.conclusion import conclude
from clipbench.cli.errors import DIVERGED, DONE, USAGE, describe
from clipbench.cli.pictures import record_samples
from clipbench.cli.progress import progress
from clipbench.cli.stopping import StopRequest
from clipbench.data.images import ImageData
from clipbench.records.lock import exclusive
from clipbench.records.recorder import Recorder
from clipbench.records.run_dir import (
    RUN_FILE,
    RunDirectory,
    Status,
    read_run,
    refuse_other_config,
)
from clipbench.records.view import end_session
from clipbench.training.bounds import awaits_bounds, set_bounds
from clipbench.training.checkpoint import save_checkpoint
from clipbench.training.finite import Diverged
from clipbench.training.loop import Interrupted, train
from clipbench.training.state import TrainState

OF_AN_ATTEMPT = (
    "metrics.jsonl",
    "predictions.npz",
    "events.out.tfevents.*",
    "checkpoints/*.pt",
    "images/*.png",
)


def run_seed(
    config: Mapping[str, Any],
    data: ImageData,
    path: Path,
    *,
    audit: Mapping[str, Any],
    overrides: Sequence[str],
    stop: StopRequest,
    rerun: Sequence[str] = (),
    patience: float = 0.0,
) -> int:
    """Train one seed in ``path`` and return its exit code; what has ended there is not repeated.

    Args:
        config: A checked configuration with this seed.
        data: The data set, on the device.
        path: The run directory.
        audit: What the audit before training found.
        overrides: What the user typed.
        stop: Tells whether to stop between two steps.
        rerun: Results that are thrown away and made again: ``finished``, ``diverged``.
        patience: Seconds to wait for another process that still writes there.

    Raises:
        RunError: The directory holds a run of another configuration.
        Busy: Another process writes there.
        ConfigError: A part refuses its arguments; the run is recorded as failed.
    """
    path.mkdir(parents=True, exist_ok=True)
    with exclusive(path, patience=patience):
        ended = _ended_before(config, path)
        if ended is None or ended in rerun:
            return _run(config, data, path, audit=audit, overrides=overrides, stop=stop)
    print(f"{path}: {ended} already; repeat it with: clipbench rerun {path}")
    return DONE if ended == "finished" else DIVERGED


def _run(
    config: Mapping[str, Any],
    data: ImageData,
    path: Path,
    *,
    audit: Mapping[str, Any],
    overrides: Sequence[str],
    stop: StopRequest,
) -> int:
    _clear_attempt(path)
    device = data.train.images.device
    run = RunDirectory.create(
        path,
        config=config,
        device=str(device),
        threads=torch.get_num_threads(),
        stacked=False,
        audit=audit,
        overrides=overrides,
        data={
            "name": data.name,
            "shape": {**shape_of(data)},
            "provenance": {**data.provenance},
        },
    )
    try:
        results = _train_and_test(config, data, path, stop=stop)
    except Interrupted:
        assert stop.code is not None
        _finish(run, "interrupted", cause="stopped by a signal")
        print(f"Stopped; its state is in {path / 'checkpoints'}", file=sys.stderr)
        return stop.code
    except Diverged as error:
        _finish(run, "diverged", cause=str(error))
        hint = "Try a smaller optim.lr, or grad_clip=norm."
        print(f"clipbench: {error}\n  {path}\n  {hint}", file=sys.stderr)
        return DIVERGED
    except BaseException as error:
        if _is_out_of_memory(error):
            hint = _memory_hint(device, config["trainer"]["batch_size"])
            _finish(run, "failed", cause=hint)
            print(f"clipbench: {hint}", file=sys.stderr)
            return USAGE
        _finish(run, "failed", cause=describe(error) or type(error).__name__)
        raise
    _finish(run, "finished", results=results)
    return DONE


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


def _train_and_test(
    config: Mapping[str, Any], data: ImageData, path: Path, *, stop: StopRequest
) -> dict[str, float]:
    """Train, then use the test part once; return the results under the journal's tags."""
    started = perf_counter()
    device = data.train.images.device
    parts = assemble(config, data, seed=config["seed"], device=device)
    model, trainer = parts.state.model, config["trainer"]
    steps = parts.train_batches.steps_per_epoch
    label = f"{data.name} seed {config['seed']}"
    watching = progress(epochs=trainer["epochs"], steps_per_epoch=steps, label=label)
    with Recorder(path) as recorder, watching as shown:
        record_samples(recorder, data)
        last = train(
            parts.state,
            train_batches=parts.train_batches,
            val_batches=parts.val_batches,
            epochs=trainer["epochs"],
            log_every=trainer["log_every"],
            grad_clip=parts.grad_clip,
            regularizer=parts.regularizer,
            probes=parts.probes,
            recorder=recorder,
            progress=shown,
            should_stop=stop,
            save=lambda state: _save(path, state, recorder),
        )
        if awaits_bounds(model):
            set_bounds(model, ordered(data, "train", config))
            _save(path, parts.state, recorder)  # in place of the one without bounds
        return conclude(parts, data, recorder, path=path, last=last, started=started)


def _save(path: Path, state: TrainState, recorder: Recorder) -> None:
    recorder.sync()  # the journal must never be older than the checkpoint
    save_checkpoint(path / "checkpoints", state.state_dict(), step=state.step)


def _ended_before(config: Mapping[str, Any], path: Path) -> str | None:
    """Return how this very run ended here before, or None if it is to be done (again)."""
    refuse_other_config(path, config)
    if not (path / RUN_FILE).exists():
        return None
    status = str(read_run(path)["status"])
    return status if status in ("finished", "diverged") else None


def _clear_attempt(path: Path) -> None:
    """Remove the records of an attempt that did not end, so that the new one is not mixed in."""
    for pattern in OF_AN_ATTEMPT:
        for file in path.glob(pattern):
            file.unlink()


def _is_out_of_memory(error: BaseException) -> bool:
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or "can't allocate memory" in str(error)


def _memory_hint(device: torch.device, batch_size: int) -> str:
    smaller = max(batch_size // 2, 1)
    return (
        f"out of memory on {device} with trainer.batch_size={batch_size}\n"
        f"  Try trainer.batch_size={smaller}, or narrower model.widths."
    )
