"""Campaign: a run is killed before, after and amid every system call of its durable writes.

Run it in the project's environment: .venv/bin/python -m scripts.campaign_crash_points [EVERY]
EVERY tries only each so-manieth point. After each kill the newest checkpoint must be the last one
whose save had returned, or a newer one; every checkpoint there must be whole; and going on must end
in the same records, byte by byte where they hold no times, as a run that was never killed, with no
temporary left. The last line reads `N of M`.
"""

from __future__ import annotations

import logging
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch

from clipbench.records import durable
from clipbench.records.reading import RunError
from clipbench.training.checkpoint import read_checkpoint
from clipbench.training.packing import unpack
from scripts.broken_system import BrokenSystem, Point, in_child, points_to_kill
from scripts.written_run import EVERY, go_on, is_state_of, what_it_says

BEGUN = 2 * EVERY


def main(stride: int = 1) -> int:
    """Try the points; return 0 if every one recovers."""
    torch.set_num_threads(1)
    logging.disable()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clipbench-crash-") as name:
        faults = crash(Path(name), stride=stride)
    bad = {where: fault for where, fault in faults.items() if fault is not None}
    for where, fault in bad.items():
        print(f"MISSED  {where}: {fault}")
    tried = Counter(where.partition(" (")[0] for where in faults)
    print(", ".join(f"{kind} {count}" for kind, count in sorted(tried.items())))
    lost = sum("lost" in fault for fault in bad.values())
    print(f"checkpoints lost: {lost} (asked 0); {time.monotonic() - started:.0f} s")
    print(f"recovered: {len(faults) - len(bad)} of {len(faults)}")
    return 1 if bad else 0


def crash(folder: Path, *, stride: int = 1) -> dict[str, str | None]:
    """Kill a run at each so-manieth point; return what was wrong with each, by its name."""
    go_on(folder / "begun", until=BEGUN)
    shutil.copytree(folder / "begun", folder / "whole")
    seen, saves = _watched(folder / "whole")
    whole = what_it_says(folder / "whole")
    return {
        f"{point.how} {seen[point.number]} (call {point.number})": _fault(
            folder, point, saves, whole
        )
        for point in points_to_kill(seen)[::stride]
    }


def _watched(folder: Path) -> tuple[list[str], dict[int, int]]:
    """Write the rest of a run; return its calls, and how many there were at each save's return."""
    system = BrokenSystem()
    saves: dict[int, int] = {}
    durable.system = system  # type: ignore[assignment]
    try:
        go_on(folder, saved=lambda step: saves.update({step: len(system.seen)}))
    finally:
        durable.system = durable.os
    return system.seen, saves


def _fault(
    folder: Path, point: Point, saves: dict[int, int], whole: dict[str, object]
) -> str | None:
    """Kill a run at a point and take it up again; return what is wrong, or None."""
    run = folder / "killed"
    shutil.copytree(folder / "begun", run)
    try:
        return _fault_in(run, point, saves, whole)
    except (RunError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        shutil.rmtree(run)


def _fault_in(
    run: Path, point: Point, saves: dict[int, int], whole: dict[str, object]
) -> str | None:
    def killed() -> None:
        durable.system = BrokenSystem(point)  # type: ignore[assignment]
        go_on(run)

    if in_child(killed) != -signal.SIGKILL:
        return "it was not killed"
    returned = [step for step, calls in saves.items() if calls <= point.number]
    state = read_checkpoint(run / "checkpoints")
    if state["step"] < max(returned, default=BEGUN) or not is_state_of(state, state["step"]):
        return f"a checkpoint was lost: the newest is of step {state['step']}"
    for file in (run / "checkpoints").glob("*.pt"):
        unpack(file.read_bytes())
    if in_child(lambda: go_on(run)) != 0:
        return "it does not go on"
    said = what_it_says(run)
    wrong = [key for key in said.keys() | whole.keys() if said.get(key) != whole.get(key)]
    return f"it ends otherwise: {sorted(wrong)}" if wrong or said.keys() != whole.keys() else None


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
