"""Campaign: disks that are full or broken, under every durable write of a run and of a download.

Run it in the project's environment: .venv/bin/python -m scripts.campaign_disks [WHAT ...]
WHAT is `calls`, `tensorboard`, `download` or `disks`; without arguments all. `calls` lets every
system call of a run's records fail with ENOSPC, EDQUOT and EIO, `download` those of a data set's
cache, `tensorboard` every write of an event file. `disks` trains by the command on small file
systems in memory, of sizes that strike at different moments; it needs the right to mount, of its
own or by `unshare`. Each time: one clear error (code 6) that names a file; the last good checkpoint
loads; and once there is room, the run goes on to the same end. The last line reads `N of M`.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from clipbench.cli.errors import BAD_DISK, describe, exit_code
from clipbench.data import cache
from clipbench.data.arrays import Arrays, digests
from clipbench.records import durable, tensorboard
from clipbench.records.durable import TEMPORARY_PREFIX
from clipbench.training.checkpoint import read_checkpoint
from scripts.broken_system import BrokenSystem, Point, points_to_fail
from scripts.campaign_corruption import MAIN, WORDS, same
from scripts.written_run import EVERY, go_on, is_state_of, what_it_says

ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
BEGUN = 2 * EVERY
KIBIBYTES = (16, 64, 1024, 1600, 2200, 2800, 3500)  # a checkpoint of this run has 1182
ROOM = "64m"


@contextmanager
def broken(point: Point | None) -> Iterator[BrokenSystem]:
    """Break the calls of durable writes during the block."""
    system = BrokenSystem(point)
    with mock.patch.object(durable, "system", system):
        yield system


def clear(error: BaseException | None, folder: Path) -> bool:
    """Tell whether an error is one for a user: code 6, three lines, a file in the folder."""
    if error is None or exit_code(error) != BAD_DISK:
        return False
    text = describe(error)
    return str(folder) in text and len(text.splitlines()) <= 3


def raised(action: Callable[[], object]) -> Exception | None:
    """Return what an action raises."""
    try:
        action()
    except Exception as error:
        return error
    return None


def calls(folder: Path, *, stride: int = 1) -> tuple[int, int]:
    """Fail every so-manieth call of a run's records."""
    go_on(folder / "begun", until=BEGUN)
    shutil.copytree(folder / "begun", folder / "whole")
    with broken(None) as watched:
        go_on(folder / "whole")
    whole, points = what_it_says(folder / "whole"), points_to_fail(watched.seen, ERRORS)[::stride]
    good = 0
    for point in points:
        run = folder / "run"
        shutil.copytree(folder / "begun", run)
        saved = [BEGUN]
        with broken(point):
            error = raised(lambda run=run, saved=saved: go_on(run, saved=saved.append))
        state = read_checkpoint(run / "checkpoints")
        kept = state["step"] >= saved[-1] and is_state_of(state, state["step"])
        # Trouble with TensorBoard alone raises nothing, and the run ends as if there were none.
        told = clear(error, run) or (error is None and what_it_says(run) == whole)
        tidy = not list((run / "checkpoints").glob(f"{TEMPORARY_PREFIX}*"))
        go_on(run)
        fine = kept and told and tidy and what_it_says(run) == whole
        good += fine
        if not fine:
            name, reached = watched.seen[point.number], state["step"]
            print(
                f"MISSED  {os.strerror(point.error)} at {name} {point.number}: {error!r} {reached}"
            )
        shutil.rmtree(run)
    return good, len(points)


def event_files(folder: Path) -> tuple[int, int]:
    """Fail every write of the event file, that one and all later; the run must not notice."""
    write, total = tensorboard._EventFile.write, 0

    def counted(file: tensorboard._EventFile, content: bytes) -> None:
        nonlocal total
        total += 1
        write(file, content)

    with mock.patch.object(tensorboard._EventFile, "write", counted):
        go_on(folder / "whole")
    whole, good = what_it_says(folder / "whole"), 0
    for first in range(total):
        left = first

        def failing(file: tensorboard._EventFile, content: bytes) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write(file, content)

        run = folder / f"run-{first}"
        with mock.patch.object(tensorboard._EventFile, "write", failing):
            error = raised(lambda run=run: go_on(run))
        good += error is None and what_it_says(run) == whole
    return good, total


def download(folder: Path, *, stride: int = 1) -> tuple[int, int]:
    """Fail every so-manieth call by which a downloaded set is kept."""
    images, labels = (
        np.arange(2 * 3 * 16, dtype=np.uint8).reshape(6, 4, 4),
        np.arange(6, dtype=np.uint8),
    )
    arrays = Arrays(images, labels, images[:2], labels[:2])
    shapes = {part: getattr(arrays, part).shape for part in Arrays._fields}

    def keep(place: Path) -> None:
        cache.write(place, arrays, source="a mirror", sha256=digests(arrays))

    def is_whole(place: Path) -> bool:
        found, _, _ = cache.read(place, shapes)
        return all(map(np.array_equal, found, arrays))

    with broken(None) as watched:
        keep(folder / "whole")
    points, good = points_to_fail(watched.seen, ERRORS)[::stride], 0
    for number, point in enumerate(points):
        place = folder / f"set-{number}"
        with broken(point):
            error = raised(lambda place=place: keep(place))
        refused = raised(lambda place=place: cache.read(place, shapes))
        trusted = (
            is_whole(place)
            if refused is None
            else isinstance(refused, cache.Absent | cache.Damaged)
        )
        keep(place)
        fine = clear(error, place.parent) and trusted and is_whole(place)
        good += fine
        if not fine:
            print(
                f"MISSED  {os.strerror(point.error)} at call {point.number}: {error!r} {refused!r}"
            )
    return good, len(points)


def disks(folder: Path) -> tuple[int, int]:
    """Train on file systems that are too small, give them room, and go on."""
    whole = folder / "whole"
    subprocess.run([*MAIN, *WORDS, f"hydra.run.dir={whole}"], check=True, capture_output=True)
    return sum(_small_disk(folder, size, whole) for size in KIBIBYTES), len(KIBIBYTES)


def _small_disk(folder: Path, size: int, whole: Path) -> bool:
    disk = folder / f"disk-{size}"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk], check=True)
    try:
        run = disk / "run"
        first = [*MAIN, *WORDS, f"hydra.run.dir={run}"]
        ended = subprocess.run(first, capture_output=True, text=True)
        said = ended.stderr[ended.stderr.rfind("clipbench: ") :]
        told = (
            ended.returncode == BAD_DISK
            and f"{disk.name}/" in said
            and "Traceback" not in ended.stderr
        )
        held = sorted((run / "checkpoints").glob("step=*.pt"))
        loads = not held or read_checkpoint(held[-1].parent)["step"] == int(held[-1].stem[5:])
        subprocess.run(["mount", "-o", f"remount,size={ROOM}", disk], check=True)
        again = [*MAIN, f"resume={run}"] if held else first
        then = subprocess.run(again, capture_output=True, text=True)
        fine = told and loads and then.returncode == 0 and same(run, whole)
        print(
            f"{'ok' if fine else 'MISSED':<8}{size:>4} KiB: exit {ended.returncode} with"
            f" {len(held)} checkpoints, then exit {then.returncode}: {said.splitlines()[:1]}"
        )
        if not fine:
            print(ended.stderr[-1500:], then.stderr[-1500:])
        return fine
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def may_mount() -> bool:
    """Tell whether this process may mount; if not, the script starts itself where it may."""
    with tempfile.TemporaryDirectory() as name:
        tried = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", name], capture_output=True)
        if tried.returncode == 0:
            subprocess.run(["umount", name], check=True)
    return tried.returncode == 0


PARTS: dict[str, Callable[[Path], tuple[int, int]]] = {
    "calls": calls,
    "tensorboard": event_files,
    "download": download,
    "disks": disks,
}


def main(chosen: list[str]) -> int:
    """Run the parts; return 0 if everything is as asked."""
    if "disks" in chosen and not may_mount():
        unshare = ["unshare", "--user", "--map-root-user", "--mount"]
        if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
            print("disks: this user can mount nothing here; leave them out by naming the others")
            return 1
        return subprocess.run(
            [*unshare, sys.executable, "-m", "scripts.campaign_disks", *chosen]
        ).returncode
    torch.set_num_threads(1)
    logging.disable()
    good = tried = 0
    for part in chosen:
        with tempfile.TemporaryDirectory(prefix="clipbench-disks-") as name:
            found, asked = PARTS[part](Path(name))
        print(f"{part}: {found} of {asked}", flush=True)
        good, tried = good + found, tried + asked
    print(f"in all: {good} of {tried}")
    return 0 if good == tried else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(PARTS)))
