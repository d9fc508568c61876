"""A stranger's clip that fails as a file in the working directory says, job by job."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from clipbench.records.run_dir import RUN_FILE, Manifest, read_run

MARK = "CLIPBENCH_TEST_SWEEP"

CLIP = '''
import os, signal, sys, time
from pathlib import Path
import torch
from clipbench.clips.base import Clip


class Trouble(Clip):
    """A ReLU; the line of its number in the file `trouble` says how it fails."""

    def __init__(self, *, num_features: int | None = None, number: int = 0) -> None:
        super().__init__(num_features=num_features)
        self.number = number

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dtype == torch.float32 and Path("trouble").exists():
            kind = Path("trouble").read_text().split()[self.number]
            Path(f"parent={self.number}").write_text(str(os.getppid()))
            if kind == "exception":
                raise LookupError("trouble in the clip")
            if kind == "exit":
                sys.exit(3)
            if kind == "sigkill":
                os.kill(os.getpid(), signal.SIGKILL)
            if kind == "hang":
                time.sleep(10**6)
            if kind == "once" and not Path("tried").exists():
                Path("tried").touch()
                raise LookupError("only the first time")
        return torch.relu(x)
'''


def arrange(folder: Path, *kinds: str) -> None:
    """Lay the stranger's package and option into a folder, and the trouble each job is in for."""
    (folder / "strange").mkdir(exist_ok=True)
    (folder / "strange" / "__init__.py").write_text("")
    (folder / "strange" / "trouble.py").write_text(CLIP)
    (folder / "own" / "clip").mkdir(parents=True, exist_ok=True)
    option = "_target_: strange.trouble.Trouble\nnumber: 0\n"
    (folder / "own" / "clip" / "trouble.yaml").write_text(option)
    (folder / "trouble").write_text(" ".join(kinds))


def command(jobs: int, *words: str) -> list[str]:
    """Return the command of a sweep with so many jobs, named ``s``."""
    main = [sys.executable, "-m", "clipbench.cli.main", "train", "-m", "experiment=smoke"]
    own = ["clip=trouble", f"clip.number=range(0,{jobs})", "trust=[strange]", "--config-dir", "own"]
    return [*main, *own, "name=s", "trainer.device=cpu", *words]


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of a sweep: the stranger's place, and a mark on all its processes."""
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, MARK: str(folder), "OMP_NUM_THREADS": "1"}


def sweep(folder: Path, jobs: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a sweep to its end."""
    return subprocess.run(
        command(jobs, *words),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def manifests(folder: Path) -> dict[str, Manifest]:
    """Return the manifest of every run, by the folder of its job."""
    found = sorted(folder.rglob(RUN_FILE))
    return {file.parent.parent.name.rpartition("=")[2]: read_run(file.parent) for file in found}


def statuses(folder: Path) -> list[str]:
    """Return how each job's run stands, in the order of the jobs."""
    found = manifests(folder)
    return [found[number]["status"] for number in sorted(found, key=int)]


def marked(folder: Path) -> Sequence[str]:
    """Name the processes of a sweep that are still there."""
    left = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if f"{MARK}={folder}".encode() in (process / "environ").read_bytes():
                    left.append((process / "cmdline").read_text())
            except OSError:
                continue
    return left
