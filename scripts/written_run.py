"""A run that only writes: every record of a real one, in milliseconds, and always the same.

It goes on from its newest checkpoint as a run does that is taken up again, so that whatever
interrupted it, its end must be that of one that nothing interrupted.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from clipbench.records import provenance
from clipbench.records.durable import write_bytes
from clipbench.records.journal import JOURNAL_FILE, comparable, cut_back, read
from clipbench.records.reading import RunError
from clipbench.records.recorder import Recorder
from clipbench.records.run_dir import RunDirectory, read_run
from clipbench.training.checkpoint import KEPT, read_checkpoint, save_checkpoint
from clipbench.training.packing import unpack

LAST, EVERY = 40, 10
BEST = (10, 30)
UNKNOWN = {"commit": None, "dirty": None, "versions": {}, "machine": {}}
CONFIG: dict[str, Any] = {"seed": 0, "clip": {"_target_": "clipbench.clips.relu.ReLU"}}


def state_at(step: int, journal_size: int) -> dict[str, Any]:
    """Return the state of a step: the same for every caller."""
    generator = torch.Generator().manual_seed(step)
    weights = {"fc.weight": torch.randn(64, 32, generator=generator)}
    moments = {"state": {0: {"exp_avg": torch.randn(64, 32, generator=generator)}}}
    return {"model": weights, "optimizer": moments, "step": step, "journal_size": journal_size}


def go_on(folder: Path, *, until: int = LAST, saved: Callable[[int], None] | None = None) -> None:
    """Write the run from its newest checkpoint, or from nothing.

    Args:
        folder: The run directory.
        until: The step to stop at; the last one ends the run, too.
        saved: Told each step whose checkpoint has been saved.
    """
    with mock.patch.object(provenance, "collect", return_value=UNKNOWN):
        run = RunDirectory.create(folder, config=CONFIG, device="cpu", threads=1, stack=1,
                                  data={"name": "none", "shape": {}})  # fmt: skip
    first = _taken_up(folder)
    with Recorder(folder) as recorder:
        for step in range(first + EVERY, until + 1, EVERY):
            recorder.write(step=step, epoch=step // EVERY, scalars={"val/loss": 1 / step})
            recorder.sync()
            state = state_at(step, (folder / JOURNAL_FILE).stat().st_size)
            save_checkpoint(folder / "checkpoints", state, step=step, best=step in BEST)
            if saved is not None:
                saved(step)
        if until == LAST:
            pixels = np.full((4, 4, 1), 7, np.uint8)
            recorder.image(step=LAST, tag="samples", pixels=pixels)
            predictions = io.BytesIO()
            np.savez_compressed(predictions, labels=np.arange(50))
            write_bytes(folder / "predictions.npz", predictions.getbuffer())
    if until == LAST:
        run.finish("finished", results={"val/loss": 1 / LAST})


def what_it_says(folder: Path) -> dict[str, object]:
    """Return all that a run holds, without its times, for comparison.

    A third checkpoint counts for nothing: a kill may come just before it is removed.
    """
    manifest = {key: value for key, value in read_run(folder).items() if key != "times"}
    records, damaged = read(folder / JOURNAL_FILE)
    files = [path for path in folder.rglob("*") if path.is_file() and "tfevents" not in path.name]
    files = [path for path in files if path not in _surplus(folder)]
    said: dict[str, object] = {str(path.relative_to(folder)): None for path in files}
    for path in files:
        if path.suffix in (".npz", ".png"):
            said[str(path.relative_to(folder))] = path.read_bytes()
        if path.suffix == ".pt":  # the journal's size in it depends on the digits of its times
            state = unpack(path.read_bytes())
            step = state["step"] if is_state_of(state, state["step"]) else None
            said[str(path.relative_to(folder))] = step
    return said | {
        "run.json": json.dumps(manifest, sort_keys=True),
        JOURNAL_FILE: ([comparable(record) for record in records], damaged),
    }


def is_state_of(state: dict[str, Any], step: int) -> bool:
    """Tell whether a state that was read is that of a step, bit by bit."""
    right = state_at(step, state["journal_size"])
    return (
        state["step"] == step
        and torch.equal(state["model"]["fc.weight"], right["model"]["fc.weight"])
        and torch.equal(state["optimizer"]["state"][0]["exp_avg"],
                        right["optimizer"]["state"][0]["exp_avg"])
    )  # fmt: skip


def _surplus(folder: Path) -> list[Path]:
    return sorted((folder / "checkpoints").glob("step=*.pt"), reverse=True)[KEPT:]


def _taken_up(folder: Path) -> int:
    """Bring the records back to the newest checkpoint and return its step, 0 without one."""
    try:
        state = read_checkpoint(folder / "checkpoints")
    except RunError:
        if any((folder / "checkpoints").glob("*.pt")):
            raise
        (folder / JOURNAL_FILE).unlink(missing_ok=True)
        return 0
    cut_back(folder / JOURNAL_FILE, state["journal_size"])
    return int(state["step"])
