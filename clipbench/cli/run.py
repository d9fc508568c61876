"""One run: one seed in one run directory, from the first record to the final status."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from clipbench.cli.assemble import Assembly, assemble, ordered, shape_of
from clipbench.cli.errors import DIVERGED, DONE, USAGE, complain, describe
from clipbench.cli.progress import progress
from clipbench.cli.stopping import StopRequest
from clipbench.data.images import ImageData
from clipbench.probes.observe import observe
from clipbench.probes.output_quantiles import OutputQuantiles
from clipbench.probes.thresholds import threshold_scalars
from clipbench.records import png
from clipbench.records.durable import write_bytes
from clipbench.records.recorder import Recorder
from clipbench.records.run_dir import RUN_FILE, RunDirectory, read_run, refuse_other_config
from clipbench.training.bounds import awaits_bounds, set_bounds
from clipbench.training.checkpoint import save_checkpoint
from clipbench.training.evaluate import evaluate
from clipbench.training.finite import Diverged
from clipbench.training.gradients import threshold_parameters
from clipbench.training.loop import Interrupted, train
from clipbench.training.state import TrainState

SAMPLES = 64
OF_AN_ATTEMPT = (
    "metrics.jsonl",
    "predictions.npz",
    "events.out.tfevents.*",
    "checkpoints/*.pt",
    "images/*.png",
)


class OutOfMemory(Exception):
    """The run did not fit into memory."""


def run_seed(
    config: Mapping[str, Any],
    data: ImageData,
    path: Path,
    *,
    audit: Mapping[str, Any],
    overrides: Sequence[str],
    stop: StopRequest,
) -> int:
    """Train one seed in ``path`` and return its exit code; what has ended there is not repeated.

    Raises:
        RunError: The directory holds a run of another configuration.
        ConfigError: A part refuses its arguments; the run is recorded as failed.
    """
    ended = _ended_before(config, path)
    if ended is not None:
        print(f"{path}: {ended} already; repeat it with: clipbench rerun {path}")
        return DONE if ended == "finished" else DIVERGED
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
        run.finish("interrupted", results={}, cause="stopped by a signal")
        print(f"Stopped; its state is in {path / 'checkpoints'}", file=sys.stderr)
        return stop.code
    except Diverged as error:
        run.finish("diverged", results={}, cause=str(error))
        hint = "Try a smaller optim.lr, or grad_clip=norm."
        print(f"clipbench: {error}\n  {path}\n  {hint}", file=sys.stderr)
        return DIVERGED
    except OutOfMemory as error:
        run.finish("failed", results={}, cause=str(error))
        complain(error)
        return USAGE
    except BaseException as error:
        run.finish("failed", results={}, cause=describe(error) or type(error).__name__)
        raise
    run.finish("finished", results=results)
    return DONE


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
        _record_samples(recorder, data)
        try:
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
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if _is_out_of_memory(error):
                raise OutOfMemory(_memory_hint(device, trainer["batch_size"])) from error
            raise
        if awaits_bounds(model):
            set_bounds(model, ordered(data, "train", config))
            _save(path, parts.state, recorder)  # in place of the one without bounds
        test = _test(parts, recorder, path)
    results = {**last, **test, **threshold_scalars(model)}
    results["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    results["parameters/thresholds"] = sum(one.numel() for one in threshold_parameters(model))
    results["seconds/total"] = perf_counter() - started
    return results


def _test(parts: Assembly, recorder: Recorder, path: Path) -> dict[str, float]:
    """Evaluate on the test part, record it and keep labels and predictions.

    What the probes see on it stands in the results alone, each tag with ``test/`` before it.
    """
    probes = [*parts.probes, OutputQuantiles()]
    with observe(parts.state.model, probes):
        result = evaluate(parts.state.model, parts.test_batches)
    scalars = {"test/loss": result.loss, "test/accuracy": result.accuracy}
    recorder.write(step=parts.state.step, epoch=parts.state.epoch, scalars=scalars)
    recorder.sync()
    buffer = io.BytesIO()
    labels = parts.test_batches.split.labels.cpu().numpy()
    np.savez_compressed(buffer, labels=labels, predictions=result.predictions.numpy())
    write_bytes(path / "predictions.npz", buffer.getbuffer())
    seen = [probe.compute() for probe in probes]
    return scalars | {f"test/{tag}": value for tags in seen for tag, value in tags.items()}


def _record_samples(recorder: Recorder, data: ImageData) -> None:
    """Record some images, so that a viewer sees what the network is given."""
    images = data.train.images[:SAMPLES].cpu().numpy()
    recorder.image(step=0, tag="samples", pixels=png.enlarged(png.grid(images)))


def _save(path: Path, state: TrainState, recorder: Recorder) -> None:
    recorder.sync()  # the journal must never be older than the checkpoint
    save_checkpoint(path / "checkpoints", state)


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
