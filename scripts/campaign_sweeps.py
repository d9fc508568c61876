"""Campaign: sweeps in trouble. Jobs that fail in every way, and a driver that is killed.

Run it in the project's environment: .venv/bin/python scripts/campaign_sweeps.py [WHAT ...]
WHAT is `failures`, `kills` or `overhead`, with the launchers to try: `failures basic joblib`.
Without arguments: failures under basic, joblib and submitit_local, kills (with sound jobs, and with
a full disk under every fourth) under basic and joblib, overhead under basic and joblib. Ray is
tried where it is installed and named. Every line is one figure, asked beside measured; the last one
reads `N of M`.

A sweep here has 20 jobs of a second or less. The clip in it is a stranger's, trusted by name, that
does what the number of its job and a file in the working directory tell it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from clipbench.records.run_dir import RUN_FILE, read_run

JOBS, BAD = 20, 5
KILLS = 10
TIMEOUT = 25
PATIENCE = 20
KINDS = ("exception", "exit", "sigkill", "hang", "disk")
MARK = "CLIPBENCH_CAMPAIGN"
CAUSES = {
    "exception": "trouble",
    "exit": "3",
    "sigkill": "SIGKILL",
    "hang": "sweep.timeout",
    "disk": "No space left",
}

CLIP = '''
import errno, os, signal, sys, time
from pathlib import Path
import torch
from clipbench.clips.base import Clip
from clipbench.records import durable


class FullDisk:
    """The system's calls on a disk that has room for small files alone."""

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def write(self, descriptor: int, content: bytes) -> int:
        if len(content) > 2**14:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(descriptor, content)


class Trouble(Clip):
    """A ReLU that fails as the file `trouble` says, in every fourth job."""

    def __init__(self, *, num_features: int | None = None, number: int = 0) -> None:
        super().__init__(num_features=num_features)
        self.number = number

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        file = Path("trouble")
        if self.number % 4 == 0 and file.exists() and x.dtype == torch.float32:
            kind = file.read_text()
            if kind == "exception":
                raise LookupError("trouble in the clip")
            if kind == "exit":
                sys.exit(3)
            if kind == "sigkill":
                os.kill(os.getpid(), signal.SIGKILL)
            if kind == "hang":
                time.sleep(10**6)
            if kind == "disk":
                durable.system = FullDisk()
        return torch.relu(x)
'''


def arrange(folder: Path) -> None:
    """Lay the stranger's package and its option into a working directory."""
    (folder / "strange").mkdir()
    (folder / "strange" / "__init__.py").write_text("")
    (folder / "strange" / "trouble.py").write_text(CLIP)
    (folder / "own" / "clip").mkdir(parents=True)
    (folder / "own" / "clip" / "trouble.yaml").write_text(
        "_target_: strange.trouble.Trouble\nnumber: 0\n"
    )


def command(launcher: str, *more: str) -> list[str]:
    """Return the command of a sweep of 20 jobs."""
    words = ["-m", "experiment=smoke", "clip=trouble", f"clip.number=range(0,{JOBS})"]
    words += ["trust=[strange]", "name=s", f"hydra/launcher={launcher}", "trainer.device=cpu"]
    main = [sys.executable, "-m", "clipbench.cli.main", "train"]
    return [*main, *words, *more, "--config-dir", "own"]


def environment(folder: Path, token: str) -> dict[str, str]:
    """Return the variables of a sweep: where the stranger lies, and a mark on all its processes."""
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, MARK: token, "OMP_NUM_THREADS": "1"}


def runs(folder: Path) -> dict[str, dict]:
    """Return the manifest of every run of the sweep."""
    return {str(f.parent): dict(read_run(f.parent)) for f in folder.rglob(RUN_FILE)}


def count(folder: Path, status: str) -> int:
    """Count the runs of a status."""
    return sum(run["status"] == status for run in runs(folder).values())


def failures(launcher: str, kind: str) -> bool:
    """Let 5 of 20 jobs fail in one way; start again without the trouble."""
    with tempfile.TemporaryDirectory() as name:
        folder, token = Path(name), uuid4().hex
        arrange(folder)
        (folder / "trouble").write_text(kind)
        limit = [f"sweep.timeout={TIMEOUT}"] if kind == "hang" else []
        first = subprocess.run(
            command(launcher, *limit),
            cwd=folder, env=environment(folder, token), capture_output=True, text=True,
        )  # fmt: skip
        good = {path: run for path, run in runs(folder).items() if run["status"] == "finished"}
        named = first.stdout.rpartition("gave no number")[2]
        causes = sum(CAUSES[kind] in line for line in named.splitlines() if "failed" in line)
        (folder / "trouble").unlink()
        second = subprocess.run(
            command(launcher),
            cwd=folder, env=environment(folder, token), capture_output=True, text=True,
        )  # fmt: skip
        after = runs(folder)
        again = sum(
            path not in good or run["times"] != good[path]["times"] for path, run in after.items()
        )
        orphans = len(left(token))
        finished = count(folder, "finished")
    measured = (len(good), causes, first.returncode, again, finished, second.returncode, orphans)
    asked = (JOBS - BAD, BAD, 1, BAD, JOBS, 0, 0)
    print(
        f"{'ok' if measured == asked else 'MISSED':<8}failures {launcher:<15}{kind:<10}"
        f" kept {measured[0]} (asked {asked[0]}), named {measured[1]} ({asked[1]}),"
        f" exit {measured[2]} ({asked[2]}), started again {measured[3]} ({asked[3]}),"
        f" then {measured[4]} ({asked[4]}) exit {measured[5]}, orphans {measured[6]}",
        flush=True,
    )
    if measured != asked:
        print(first.stderr[-1500:], second.stderr[-1500:], flush=True)
    return measured == asked


def kills(launcher: str, *, trouble: str = "") -> bool:
    """Kill the driver at random moments, each time in a new sweep, and start it again.

    With ``trouble`` every fourth job fails that way until the driver is killed.
    """
    generator = random.Random(0)
    whole, repeated, orphans = 0, 0, 0
    for number in range(KILLS):
        with tempfile.TemporaryDirectory() as name:
            folder, token = Path(name), uuid4().hex
            arrange(folder)
            (folder / "trouble").write_text(trouble)
            ended: dict[str, dict] = {}
            for share in (generator.uniform(0, 1), None):
                process = subprocess.Popen(
                    command(launcher),
                    cwd=folder, env=environment(folder, token), start_new_session=True,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
                if share is not None:
                    wait_for(folder, share, process)
                    time.sleep(generator.uniform(0, 1))
                    process.send_signal(signal.SIGKILL)
                    orphans += len(left(token))
                    (folder / "trouble").unlink()
                    ended = {p: r for p, r in runs(folder).items() if r["status"] == "finished"}
                process.wait()
            after = runs(folder)
            done = sum(run["status"] == "finished" for run in after.values())
            repeated += sum(after[path]["times"] != run["times"] for path, run in ended.items())
            whole += done == JOBS
            orphans += len(left(token))
            print(
                f"        kill {number + 1} under {launcher}: {len(ended)} had finished,"
                f" {done} of {JOBS} at the end, {orphans} orphans so far",
                flush=True,
            )
    reached = (whole, repeated, orphans) == (KILLS, 0, 0)
    print(
        f"{'ok' if reached else 'MISSED':<8}kills {launcher:<15}{trouble:<6} whole sweeps {whole}"
        f" (asked {KILLS}), finished jobs run twice {repeated} (0), orphans {orphans} (0)",
        flush=True,
    )
    return reached


def wait_for(folder: Path, share: float, process: subprocess.Popen[bytes]) -> None:
    """Wait until a share of the jobs has finished, or the sweep has ended."""
    while count(folder, "finished") < int(share * JOBS) and process.poll() is None:
        time.sleep(0.05)


def overhead(launcher: str) -> bool:
    """Measure what a sweep of digits costs beyond the training of its runs, per job."""
    workers = {"basic": 1, "joblib": os.cpu_count() or 1}[launcher]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = ["-m", "model=cnn", "clip=relu,learnable"]
        main = [sys.executable, "-m", "clipbench.cli.main", "train", *words]
        seconds = {}
        for jobs in (2, JOBS):
            own = [f"seed=range(0,{jobs // 2})", f"name=s{jobs}", f"hydra/launcher={launcher}"]
            started = time.monotonic()
            subprocess.run(
                [*main, *own], cwd=folder, check=True, capture_output=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
            wall = time.monotonic() - started
            trained = sum(
                run["results"]["seconds/total"]
                for run in runs(folder / "outputs" / f"s{jobs}").values()
            )
            seconds[jobs] = (wall * workers - trained, wall, trained)
    beyond = (seconds[JOBS][0] - seconds[2][0]) / (JOBS - 2)
    whole = seconds[JOBS][0] / JOBS
    reached = beyond <= 0.3
    print(
        f"{'ok' if reached else 'MISSED':<8}overhead {launcher:<10}{beyond:.3f} s a further job"
        f" (asked <= 0.3); {whole:.3f} s a job with the start of everything; {JOBS} jobs in"
        f" {seconds[JOBS][1]:.1f} s, {seconds[JOBS][2]:.1f} s of it their runs",
        flush=True,
    )
    return reached


def left(token: str) -> list[str]:
    """Return the processes of a sweep that are still there after a while."""
    deadline = time.monotonic() + PATIENCE
    while list(marked(token)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return list(marked(token))


def marked(token: str) -> Iterator[str]:
    """Yield the processes that still carry the mark of a sweep."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if f"{MARK}={token}".encode() in (folder / "environ").read_bytes():
                    yield (folder / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue


def main(words: list[str]) -> int:
    """Run what the words name, print each figure, and return 0 if all were reached."""
    what = [word for word in words if word in ("failures", "kills", "overhead")]
    launchers = [word for word in words if word not in what]
    reached = []
    if "failures" in what or not what:
        chosen = launchers or ["basic", "joblib", "submitit_local"]
        reached += [failures(launcher, kind) for launcher in chosen for kind in KINDS]
    if "kills" in what or not what:
        chosen = launchers or ["basic", "joblib"]
        reached += [kills(one, trouble=kind) for one in chosen for kind in ("", "disk")]
    if "overhead" in what or not what:
        reached += [overhead(launcher) for launcher in launchers or ["basic", "joblib"]]
    print(f"{sum(reached)} of {len(reached)} figures reached")
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
