"""Where runs that did not end are taken up again: the newest state that all of them have.

A checkpoint knows how long the journal was when it was made. What was recorded after it is cut
off, for the steps that made it are done again, to the same bits where machine, versions and thread
count are the same.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from clipbench.records.journal import JOURNAL_FILE, cut_back
from clipbench.records.reading import RunError
from clipbench.records.run_dir import read_run
from clipbench.training.checkpoint import read_at, read_checkpoint, saved_steps
from clipbench.training.state import TrainState, refuse_foreign
from clipbench.training.weights import load_weights

CHECKPOINTS = "checkpoints"

OF_AN_ATTEMPT = (
    "metrics.jsonl",
    "predictions.npz",
    "events.out.tfevents.*",
    "checkpoints/*.pt",
    "images/*.png",
)

_log = logging.getLogger(__name__)


def newest_common(paths: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """Return the newest good state that all runs have, and cut their journals back to it.

    Runs without any checkpoint have done no step: their folders are emptied, and nothing is
    returned, so that they begin.

    Args:
        paths: Run directories whose locks are held.

    Raises:
        RunError: There are checkpoints, but no good ones of one step.
    """
    steps = [set(saved_steps(path / CHECKPOINTS)) for path in paths]
    if not any(steps):
        for path in paths:
            forget_attempts(path)
        return {}
    if len(paths) == 1:
        states = {paths[0]: read_checkpoint(paths[0] / CHECKPOINTS)}
    else:
        states = _of_one_step(paths, sorted(set.intersection(*steps), reverse=True))
    for path, state in states.items():
        _refuse_foreign(path, state)
    for path, state in states.items():
        cut_back(path / JOURNAL_FILE, state["journal"])
        print(f"{path}: goes on at step {state['step']}", file=sys.stderr)
    _warn_of_other_threads(paths[0])
    return states


def _of_one_step(paths: Sequence[Path], steps: Sequence[int]) -> dict[Path, dict[str, Any]]:
    for step in steps:
        read = {path: read_at(path / CHECKPOINTS, step) for path in paths}
        states = {path: state for path, state in read.items() if state is not None}
        if len(states) == len(paths):
            return states
    raise RunError(
        "The seeds of this job have no good checkpoint of one step in common.",
        where=paths[0].parent,
        remedy="Go on with each by itself: clipbench train resume=RUN, or trainer.stack=off.",
    )


def load_saved(into: TrainState, saved: Mapping[str, Any], *, path: Path) -> None:
    """Put a run into the state that was saved.

    Raises:
        RunError: It is the state of another model, optimizer or gradient clip.
    """
    where = path / CHECKPOINTS
    load_weights(into.model, saved["model"], where=where)
    try:
        into.load_state_dict(dict(saved))
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise _foreign(path, str(error).splitlines()[0]) from error


def _refuse_foreign(path: Path, state: Mapping[str, Any]) -> None:
    try:
        refuse_foreign(state, seed=read_run(path)["seed"])
    except ValueError as error:
        raise _foreign(path, str(error)) from error


def _foreign(path: Path, fault: str) -> RunError:
    return RunError(
        f"The checkpoint is not one of this run: {fault}.",
        where=path / CHECKPOINTS,
        remedy="Restore one from a copy, or repeat the run: clipbench rerun.",
    )


def forget_attempts(path: Path) -> None:
    """Remove the records of earlier attempts, so that a new one is not mixed with them."""
    for pattern in OF_AN_ATTEMPT:
        for file in path.glob(pattern):
            file.unlink()


def _warn_of_other_threads(path: Path) -> None:
    """Warn where the numbers may differ from those of a run that was never stopped."""
    before, now = read_run(path).get("threads"), torch.get_num_threads()
    if before != now:
        _log.warning(
            "%s was begun with %s threads and goes on with %s: its numbers may differ in the last "
            "digits from those of a run that was never stopped",
            path,
            before,
            now,
        )
