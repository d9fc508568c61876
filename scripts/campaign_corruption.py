"""Campaign: the newest checkpoint is damaged in 360 ways; none may pass, and none may cost the run.

Run it in the project's environment: .venv/bin/python -m scripts.campaign_corruption [RESUMED]
200 single-bit flips, 50 truncations, 50 lost pages, 50 lost tails, 10 foreign files: each must be
detected, never read as something else, and passed over for the checkpoint before it with one
warning. RESUMED (20) of them, sampled, are resumed by the command to the end of the run, which must
be that of a run that nothing disturbed: weights bit by bit, and the journal but for its times.
"""

from __future__ import annotations

import io
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from clipbench.records.frame import unwrap, wrap
from clipbench.records.journal import comparable, read
from clipbench.records.reading import RunError
from clipbench.training.checkpoint import load_run, read_checkpoint
from clipbench.training.packing import FORMAT, pack, unpack

PAGE = 4096
EPOCHS, EPOCH_STEPS = 8, 10
MAIN = [sys.executable, "-m", "clipbench.cli.main", "train"]
WORDS = ["experiment=smoke", "trainer.device=cpu", "model.widths=[256,128]",
         f"trainer.epochs={EPOCHS}"]  # fmt: skip


class Counting(logging.Handler):
    """Keeps the warnings of a reader."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.texts.append(record.getMessage())


def damages(whole: bytes, before: bytes) -> Iterator[tuple[str, bytes]]:
    """Give the 360 damages of a file; ``before`` is the checkpoint before it."""
    draw = random.Random(0)
    for _ in range(200):
        place, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
        yield "flip", whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :]
    for _ in range(50):
        yield "cut", whole[: draw.randrange(len(whole))]
    for _ in range(50):
        start = draw.randrange(len(whole) // PAGE) * PAGE
        yield "hole", whole[:start] + bytes(PAGE) + whole[start + PAGE :]
    for _ in range(50):
        start = draw.randrange(len(whole) - PAGE)
        yield "tail", whole[:start] + bytes(len(whole) - start)
    yield from (("foreign", content) for content in _foreign(whole, before))


def _foreign(whole: bytes, before: bytes) -> list[bytes]:
    payload = bytes(unwrap(whole, version=FORMAT))
    old = bytes(unwrap(before, version=FORMAT))
    state = unpack(whole)
    text = io.BytesIO()
    torch.save([1, 2, 3], text)
    legacy = io.BytesIO()
    torch.save(state, legacy, _use_new_zipfile_serialization=False)
    return [
        payload,  # as torch.save writes it, and as older versions of clipbench did
        legacy.getvalue(),
        wrap(payload, version=FORMAT - 1),
        wrap(payload, version=FORMAT + 1),
        whole[: len(whole) - len(payload)] + old,  # the frame of one around the content of another
        wrap(text.getvalue(), version=FORMAT),
        wrap(legacy.getvalue(), version=FORMAT),
        b"<!DOCTYPE html><title>404</title>",
        whole + whole,
        before[: len(before) // 2] + whole[len(whole) // 2 :],
    ]


def detect(run: Path) -> tuple[int, int, list[bytes]]:
    """Read every damage; return how many were detected, how many there are, and all of them."""
    checkpoints = run / "checkpoints"
    *_, previous, newest = sorted(checkpoints.glob("step=*.pt"))
    whole, before = newest.read_bytes(), previous.read_bytes()
    expected = unpack(before)
    (checkpoints / "best.pt").unlink(missing_ok=True)  # the one before must do
    counting = Counting()
    logging.getLogger("clipbench.training.checkpoint").addHandler(counting)
    found: dict[str, list[bool]] = {}
    tried = list(damages(whole, before))
    for kind, content in tried:
        newest.write_bytes(content)
        counting.texts.clear()
        try:
            read = read_checkpoint(checkpoints)
        except RunError:
            read = {}
        once = len(counting.texts) == 1 and newest.name in counting.texts[0]
        found.setdefault(kind, []).append(once and pack(read) == pack(expected))
    newest.write_bytes(whole)
    for kind, each in found.items():
        print(f"{kind:<9}detected, one warning, the one before taken: {sum(each)} of {len(each)}")
    return sum(map(sum, found.values())), len(tried), [content for _, content in tried]


def killed_run(folder: Path) -> Path:
    """Train until the second epoch is saved, and kill the run."""
    second = folder / "checkpoints" / f"step={2 * EPOCH_STEPS:08d}.pt"
    process = _start(folder, *WORDS)
    while not (saved := list((folder / "checkpoints").glob("step=*.pt"))) or max(saved) < second:
        if process.poll() is not None:
            raise RuntimeError("the run ended before it was killed")
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return folder


def same(run: Path, whole: Path) -> bool:
    """Tell whether two finished runs agree in weights and journals."""
    ours, theirs = load_run(run).state_dict(), load_run(whole).state_dict()
    weights = ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)
    left, right = (read(one / "metrics.jsonl") for one in (run, whole))
    curves = [[comparable(record) for record in each[0]] for each in (left, right)]
    return weights and curves[0] == curves[1] and left[1] == right[1] == []


def resume(folder: Path, run: Path, damaged: list[bytes], count: int) -> int:
    """Resume ``count`` runs with a damaged newest checkpoint; return how many end the same."""
    whole = folder / "whole"
    if _start(whole, *WORDS).wait() != 0:
        raise RuntimeError("the undisturbed run failed")
    good = 0
    for number, content in enumerate(random.Random(1).sample(damaged, count)):
        copy = folder / f"copy-{number}"
        shutil.copytree(run, copy)
        newest = max((copy / "checkpoints").glob("step=*.pt"))
        newest.write_bytes(content)
        ended = subprocess.run([*MAIN, f"resume={copy}"], capture_output=True, text=True)
        warned = ended.stderr.count(newest.name) == 1
        fine = ended.returncode == 0 and warned and same(copy, whole)
        good += fine
        if not fine:
            print(f"MISSED  resumed {number}: exit {ended.returncode}, {ended.stderr[-300:]!r}")
        shutil.rmtree(copy)
    return good


def _start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [*MAIN, *words, f"hydra.run.dir={folder}"]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def main(resumed: int = 20) -> int:
    """Damage, read and resume; return 0 if everything is as asked."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="clipbench-damage-") as name:
        folder = Path(name)
        run = killed_run(folder / "killed")
        shutil.copytree(run, folder / "read")
        detected, tried, damaged = detect(folder / "read")
        print(f"detected: {detected} of {tried}, silently different: {tried - detected}")
        good = resume(folder, run, damaged, resumed) if resumed else 0
        print(f"resumed to the same end: {good} of {resumed}")
    return 0 if (detected, good) == (tried, resumed) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
