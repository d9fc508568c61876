"""Slots: however many workers a launcher starts, only so many jobs run at a time, and on each GPU.

A slot is a lock in the sweep's folder, so that it holds across the processes of any launcher on one
machine and is free again whatever becomes of its holder.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from clipbench.records.lock import Busy, exclusive

SLOTS_FOLDER = ".slots"
_CARDS = Path("/proc/driver/nvidia/gpus")
_PAUSE = 0.2


def visible_gpus() -> list[str]:
    """Name the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` would; without torch."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    cards = sorted(_CARDS.iterdir()) if _CARDS.is_dir() else []
    return [str(index) for index in range(len(cards))]


@contextmanager
def slot(sweep: Path, *, settings: Mapping[str, Any], device: str) -> Iterator[str | None]:
    """Hold a place for one job for the length of the block; wait for one where all are taken.

    Gives the name of the GPU that the job shall use, or None where it chooses for itself: on a
    machine without any, on the CPU, or on a GPU that the configuration names.

    Args:
        sweep: The sweep's folder.
        settings: The keys of ``sweep``.
        device: The ``trainer.device`` of the job.
    """
    folder = sweep / SLOTS_FOLDER
    gpus = visible_gpus() if device in ("auto", "cuda") else []
    with ExitStack() as held:
        if settings["jobs_at_once"] is not None:
            _first_free(folder, ["job"], shares=settings["jobs_at_once"], held=held)
        if gpus:
            yield _first_free(folder, gpus, shares=settings["jobs_per_gpu"], held=held)
        else:
            yield None


def _first_free(folder: Path, names: Sequence[str], *, shares: int, held: ExitStack) -> str:
    """Take the first free slot; the first share of every name comes before any second one."""
    while True:
        for share in range(shares):
            for name in names:
                place = folder / name / str(share)
                place.mkdir(parents=True, exist_ok=True)
                try:
                    held.enter_context(exclusive(place))
                except Busy:
                    continue
                return name
        time.sleep(_PAUSE)
