"""Saving a run's state, and getting a trained model back in one call.

>>> from clipbench.training.checkpoint import load_run        # doctest: +SKIP
>>> model = load_run("outputs/runs/2026-01-31_12-00-00-ab12cd34")  # doctest: +SKIP

A checkpoint is one file that appears whole or not at all, and that is known to be unchanged before
anything is made of it. The last two are kept, so that damage to one loses one interval, and beside
them the best, in a file with bytes of its own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from torch import nn

from clipbench.clips.base import Clip
from clipbench.records.durable import make_folder, remove, remove_leftovers, write_bytes
from clipbench.records.reading import RunError, open_regular
from clipbench.records.run_dir import read_run
from clipbench.training.build import build, deferred
from clipbench.training.finite import Diverged
from clipbench.training.packing import non_finite, pack, unpack
from clipbench.training.seeding import generator
from clipbench.training.weights import load_weights

KEPT = 2
BEST_FILE = "best.pt"
MOST_BYTES = 2 * 2**30

_PACKING = Lock()
"""The seeds of a stack save at the same time, to wait for the disk together; packing is work, at
which two threads only hinder each other."""

_NAME = re.compile(r"step=(\d{8,18})\.pt")
_log = logging.getLogger(__name__)


def save_checkpoint(
    folder: Path, state: Mapping[str, Any], *, step: int, best: bool = False
) -> Path:
    """Write a state to ``folder``, then drop all but this one and the newest before it.

    Args:
        folder: The folder of the run's checkpoints, which nobody else is writing.
        state: Tensors and plain values, nested.
        step: The step of the state. Checkpoints of later steps are dropped: the run went back.
        best: Whether to keep it beside them as the best one, too.

    Raises:
        Diverged: A value of the state is not finite; nothing was written.
        RunError: The state is larger than what would be read again; nothing was written.
        OSError: A file could not be written; the checkpoints from before are untouched.
    """
    with _PACKING:
        fault = non_finite(state)
        if fault is not None:
            raise Diverged(step, fault)
        content, path = pack(state), folder / _name_of(step)
    if len(content) > MOST_BYTES:
        raise RunError(
            f"The state needs {len(content):,} bytes; a checkpoint has at most {MOST_BYTES:,}.",
            where=path,
            remedy="Choose a smaller model.",
        )
    make_folder(folder)
    remove_leftovers(folder)
    if best:
        # First, as a run that goes on from the other file takes this one for written. A copy, no
        # link: damage to one must not be damage to both.
        write_bytes(folder / BEST_FILE, content)
    write_bytes(path, content)
    found = _newest_first(folder)
    kept = [old for old in found if _step_of(old) <= step][:KEPT]
    for old in found:
        if old not in kept:
            remove(old)
    return path


def saved_steps(folder: Path) -> list[int]:
    """Return the steps of the checkpoints in ``folder``, the newest first, good or not."""
    return [_step_of(path) for path in _newest_first(folder)]


def read_at(folder: Path, step: int) -> dict[str, Any] | None:
    """Return the state of one step, tensors on the CPU; None, and a warning, if it is damaged."""
    path = folder / _name_of(step)
    try:
        return _read(path)
    except ValueError as error:
        _log.warning("%s %s; an earlier one is taken instead", path, error)
        return None


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """Return the newest good state in ``folder``, tensors on the CPU.

    A damaged checkpoint is passed over, with one warning, for the one before it, and at last for
    the best.

    Raises:
        RunError: There is none, or none that can be read.
    """
    found = _newest_first(folder)
    if (folder / BEST_FILE).exists():
        found.append(folder / BEST_FILE)
    if not found:
        raise RunError(
            "The run has no checkpoint.",
            where=folder,
            remedy="It ended before its first epoch; repeat it with clipbench rerun.",
        )
    faults: list[str] = []
    for path in found:
        try:
            state = _read(path)
        except ValueError as error:
            faults.append(f"{path.name} {error}")
            continue
        if faults:
            _log.warning("%s: %s; taking %s instead", folder, "; ".join(faults), path.name)
        return state
    raise RunError(
        f"The checkpoint cannot be read: {'; '.join(faults)}.",
        where=folder,
        remedy="Restore one from a copy, or repeat the run: clipbench rerun.",
    )


def build_model(
    config: Mapping[str, Any],
    *,
    shape: Mapping[str, int],
    seed: int,
    trust: Sequence[str] = (),
) -> nn.Module:
    """Build the model of a configuration with its initial weights.

    Args:
        config: The plain configuration; its ``model`` and ``clip`` nodes are used.
        shape: ``in_channels``, ``image_size`` and ``num_classes`` of the data.
        seed: Decides the weights and nothing else here; the same for every clip.
        trust: Packages besides clipbench that the two nodes may name.
    """
    make_clip: Callable[..., Clip] = partial(deferred(config["clip"], room="clips", trust=trust))
    model = build(
        config["model"],
        room="models",
        trust=trust,
        make_clip=make_clip,
        generator=generator(seed, "weights"),
        **shape,
    )
    assert isinstance(model, nn.Module)
    return model


def load_run(path: str | Path, *, trust: Sequence[str] = ()) -> nn.Module:
    """Return the trained model of a run directory, in evaluation mode, on the CPU.

    Args:
        path: The run directory.
        trust: Packages besides clipbench whose classes the run may name. They are never read from
            the run itself.

    Raises:
        RunError: The directory holds no readable run or no readable checkpoint, or the two do not
            belong together.
    """
    folder = Path(path)
    record = read_run(folder)
    try:
        model = build_model(
            record["config"], shape=record["data"]["shape"], seed=record["seed"], trust=trust
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(
            f"The configuration gives no model ({str(error).splitlines()[0][:200]}).",
            where=folder,
            remedy="If it names classes of your own, pass their package as trust=['mypkg'].",
        ) from error
    checkpoints = folder / "checkpoints"
    load_weights(model, read_checkpoint(checkpoints).get("model"), where=checkpoints)
    return model.eval()


def _read(path: Path) -> dict[str, Any]:
    """Read one checkpoint; raise ``ValueError`` with a text that goes on after its name."""
    try:
        with open_regular(path, max_bytes=MOST_BYTES) as file:
            content = file.read()
    except RunError as error:
        raise ValueError(f"is unusable: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise ValueError(f"does not let itself be read: {error.strerror}") from error
    return unpack(content)


def _newest_first(folder: Path) -> list[Path]:
    found = folder.glob("step=*.pt") if folder.is_dir() else ()
    named = [path for path in found if _NAME.fullmatch(path.name)]
    return sorted(named, key=_step_of, reverse=True)


def _name_of(step: int) -> str:
    return f"step={step:08d}.pt"


def _step_of(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1])
