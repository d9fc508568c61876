"""Saving a run's state, and getting a trained model back in one call.

>>> from clipbench.training.checkpoint import load_run        # doctest: +SKIP
>>> model = load_run("outputs/runs/2026-01-31_12-00-00-ab12cd34")  # doctest: +SKIP

A checkpoint is one file that appears whole or not at all. It is read with ``weights_only=True``:
tensors and plain numbers, never code.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile

import torch
from torch import nn

from clipbench.clips.base import Clip
from clipbench.records.durable import write_bytes
from clipbench.records.reading import RunError
from clipbench.records.run_dir import read_run
from clipbench.training.build import build, deferred
from clipbench.training.seeding import generator
from clipbench.training.state import TrainState

KEPT = 2


def save_checkpoint(folder: Path, state: TrainState) -> Path:
    """Write the state to ``folder`` under its step, then drop all but the newest two.

    Raises:
        OSError: The file could not be written; what was there before is untouched.
    """
    folder.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    torch.save(state.state_dict(), buffer)
    path = folder / f"step={state.step:08d}.pt"
    write_bytes(path, buffer.getbuffer())
    for old in _newest_first(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """Return the newest state in ``folder``, tensors on the CPU.

    Raises:
        RunError: There is none, or it cannot be read.
    """
    found = _newest_first(folder)
    if not found:
        raise RunError(
            "The run has no checkpoint.",
            where=folder,
            remedy="It ended before its first epoch; repeat it with clipbench rerun.",
        )
    try:
        state = torch.load(found[0], map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, BadZipFile, KeyError, UnpicklingError) as error:
        # torch's own text advises to load it as code, which we never do.
        reason = type(error).__name__
        raise RunError(
            f"The checkpoint cannot be read ({reason}).",
            where=found[0],
            remedy="Remove it to fall back to the one before, or repeat the run: clipbench rerun.",
        ) from error
    assert isinstance(state, dict)
    return state


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
    make_clip: Callable[..., Clip] = partial(deferred(config["clip"], trust=trust))
    model = build(
        config["model"],
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
        model.load_state_dict(read_checkpoint(folder / "checkpoints")["model"], strict=True)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(
            f"Configuration and checkpoint give no model ({str(error).splitlines()[0][:200]}).",
            where=folder,
            remedy="If it names classes of your own, pass their package as trust=['mypkg'].",
        ) from error
    return model.eval()


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step=*.pt"), reverse=True) if folder.is_dir() else []
