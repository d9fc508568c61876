"""What a run does once, when it is trained: the test part, its results, its pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import numpy as np

from clipbench.cli.assemble import Assembly
from clipbench.cli.pictures import record_answers, record_thresholds
from clipbench.data.images import ImageData
from clipbench.probes.observe import observe
from clipbench.probes.output_quantiles import OutputQuantiles
from clipbench.probes.thresholds import threshold_scalars
from clipbench.records.durable import write_bytes
from clipbench.records.hparams import METRICS
from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.recorder import Recorder
from clipbench.records.scalars import read_scalars
from clipbench.records.threshold_tags import first_values, movement
from clipbench.training.evaluate import Evaluation, evaluate
from clipbench.training.gradients import threshold_parameters
from clipbench.training.state import TrainState


def conclude(
    parts: Assembly,
    data: ImageData,
    recorder: Recorder,
    *,
    path: Path,
    started: float,
) -> dict[str, float]:
    """Use the test part once, record what came of the run, and return its results.

    Args:
        parts: The trained run.
        data: Its images.
        recorder: Still open.
        path: The run directory.
        started: What `perf_counter` said when the run began.

    Returns:
        Numbers under the journal's tags.
    """
    model, state, last = parts.state.model, parts.state, parts.state.last
    test, tested = _test(parts, path)
    thresholds = threshold_scalars(model)
    results = {**last, **tested, **thresholds}
    results |= _movement(path, results)
    results["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    results["parameters/thresholds"] = sum(one.numel() for one in threshold_parameters(model))
    results["seconds/total"] = perf_counter() - started
    _record_end(recorder, state, {tag: results[tag] for tag in results if tag not in last})
    record_answers(recorder, data, step=state.step, test=test)
    if thresholds:
        record_thresholds(recorder, path, step=state.step)
    return results


def _test(parts: Assembly, path: Path) -> tuple[Evaluation, dict[str, float]]:
    """Evaluate on the test part, and keep labels and predictions.

    Returns:
        What the model answered, and its results: what the probes see has ``test/`` before its tag.
    """
    probes = [*parts.probes, OutputQuantiles()]
    with observe(parts.state.model, probes):
        result = evaluate(parts.state.model, parts.test_batches, precision=parts.precision)
    buffer = io.BytesIO()
    labels = parts.test_batches.split.labels.cpu().numpy()
    np.savez_compressed(buffer, labels=labels, predictions=result.predictions.numpy())
    write_bytes(path / "predictions.npz", buffer.getbuffer())
    seen = [probe.compute() for probe in probes]
    scalars = {"test/loss": result.loss, "test/accuracy": result.accuracy}
    return result, scalars | {f"test/{tag}": v for tags in seen for tag, v in tags.items()}


def _movement(path: Path, end: Mapping[str, float]) -> dict[str, float]:
    """Say how far the thresholds have moved since the first record of the run, where it has any."""
    samples, _ = read_scalars(path / JOURNAL_FILE)
    moved = movement(first_values(sample.scalars for sample in samples), end)
    return {} if moved is None else {"threshold_movement/mean": moved}


def _record_end(recorder: Recorder, state: TrainState, results: Mapping[str, float]) -> None:
    """Record, of the results that came with the end, those by which runs are compared."""
    scalars = {tag: results[tag] for tag in METRICS if tag in results}
    recorder.write(step=state.step, epoch=state.epoch, scalars=scalars)
    recorder.sync()
