"""Campaign: runs killed at random moments go on to the very end of one that nobody touched.

Run it in the project's environment: .venv/bin/python -m scripts.campaign_kills [TRIALS [EPOCHS]]
(50 and 36 unless told otherwise; about ten seconds a trial on a busy core). A trial is one run,
killed by SIGKILL one to three times, anywhere from its first import to its last record, and gone on
with each time. Its end must equal that of the undisturbed run in the SHA-256 of weights, optimizer,
journal, thresholds, sparsity, predictions and results; no kill may cost more steps than lie between
two saves. Five more trials go through the command line. Then one run is killed about every 20 steps
to its end, to see that nothing grows: files of the run, temporaries, open files, processes.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from clipbench.records.journal import JOURNAL_FILE, Record, read
from clipbench.records.run_dir import RUN_FILE, read_run
from clipbench.training.checkpoint import saved_steps
from scripts.attempt import Attempt, in_session
from scripts.workload import EPOCHS, INTERVAL, Workload, temporaries

TRIALS, COLD, MOST_KILLS = 50, 5, 3
AT_START = 0.1
LONGEST_ORPHAN = 5.0


@dataclass
class Trial:
    """What became of one run that was killed.

    Attributes:
        unlike: The parts in which its end is not that of the undisturbed run.
        kills: How often it was killed.
        reached: The last step that it had ever done.
        lost: The most steps that were done again after one kill.
        orphans: Processes that outlived a kill by 5 s.
        leftovers: Temporaries that were still there at the end, in the run or the system's folder.
        open_files: By attempt, after its first step.
        files: Files of the run directory at each kill.
    """

    unlike: list[str] = field(default_factory=list)
    kills: int = 0
    reached: int = 0
    lost: int = 0
    orphans: int = 0
    leftovers: int = 0
    open_files: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether it ended as if nobody had killed it, and no kill cost more than an interval."""
        return self.kills > 0 and not self.unlike and self.lost <= INTERVAL

    def note(self, attempt: Attempt) -> None:
        """Take down where an attempt began and how far it came."""
        if attempt.first:
            self.lost = max(self.lost, self.reached - (attempt.first - 1))
            self.open_files.append(attempt.open_files)
        self.reached = max(self.reached, attempt.step)


class Kills:
    """A workload whose runs are killed."""

    def __init__(self, work: Workload) -> None:
        self.work = work

    def killed(self, run: Path, generator: random.Random) -> Trial:
        """Kill a run up to three times, wherever it is, and let it end."""
        trial = Trial()
        for _ in range(generator.randint(1, MOST_KILLS)):
            self._kill(run, trial, generator)
        return self._end(run, trial)

    def worn(self, run: Path) -> Trial:
        """Kill a run whenever it has done a little more than one interval."""
        trial = Trial()
        while self._kill_after(run, trial, newest(run) + INTERVAL + 1, seconds=0.0):
            pass
        return self._end(run, trial)

    def _kill(self, run: Path, trial: Trial, generator: random.Random) -> None:
        if generator.random() < AT_START:
            self._kill_after(run, trial, 0, seconds=generator.uniform(0, 0.5))
        else:
            step = generator.randint(newest(run), self.work.steps)
            self._kill_after(run, trial, step, seconds=generator.uniform(0, 0.02))

    def _kill_after(self, run: Path, trial: Trial, step: int, *, seconds: float) -> bool:
        """Kill a run so many seconds after a step; False if it ended before."""
        with self.work.attempt(run) as attempt:
            attempt.reach(step)
            time.sleep(seconds)
            attempt.send(signal.SIGKILL)
            killed = attempt.wait() == -signal.SIGKILL
            trial.note(attempt)
        if killed:
            trial.kills += 1
            trial.orphans += outlived(attempt.pid)
            trial.files.append(sum(path.is_file() for path in run.rglob("*")))
        return killed

    def _end(self, run: Path, trial: Trial) -> Trial:
        with self.work.attempt(run) as attempt:
            code = attempt.wait()
            trial.note(attempt)
        trial.unlike = self.work.unlike(run) if code == 0 else [f"exit {code}"]
        trial.leftovers = len(temporaries(run))
        return trial


def newest(run: Path) -> int:
    """Return the step of the newest checkpoint, 0 without one."""
    return next(iter(saved_steps(run / "checkpoints")), 0)


def outlived(session: int) -> int:
    """Count the processes of a killed attempt that are still there after 5 s."""
    deadline = time.monotonic() + LONGEST_ORPHAN
    while in_session(session) and time.monotonic() < deadline:
        time.sleep(0.05)
    return len(in_session(session))


def cold(work: Workload, run: Path, generator: random.Random) -> Trial:
    """Kill a run of the command line once; what it lost is read from its journal."""
    trial = Trial(kills=1)
    train = [sys.executable, "-m", "clipbench.cli.main", "train"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    step = generator.randint(0, work.steps - 1)
    first = subprocess.Popen(
        [*train, *work.words, f"hydra.run.dir={run}"],
        start_new_session=True, env=environment, **quiet,
    )  # fmt: skip
    while newest(run) < step - INTERVAL and first.poll() is None:
        time.sleep(0.002)
    time.sleep(generator.uniform(0, 0.05))
    first.kill()
    first.wait()
    trial.orphans = outlived(first.pid)
    if not (run / RUN_FILE).exists():  # killed before it was a run
        again = [*work.words, f"hydra.run.dir={run}"]
    else:
        again = [f"resume={run}"]
        trial.reached = max((record["step"] for record in recorded(run)), default=0)
    code = subprocess.run([*train, *again], env=environment, **quiet).returncode
    if trial.reached:
        resumed = read_run(run)["resumed"]
        trial.lost = trial.reached - (resumed[-1]["step"] if resumed else 0)
    trial.unlike = work.unlike(run) if code == 0 else [f"exit {code}"]
    trial.leftovers = len(temporaries(run))
    return trial


def recorded(run: Path) -> list[Record]:
    """Return what a run has recorded so far."""
    journal = run / JOURNAL_FILE
    return read(journal)[0] if journal.exists() else []


def shown(name: str, trial: Trial) -> Trial:
    """Print a trial and return it."""
    print(
        f"{'ok' if trial.same else 'MISSED':<8}{name:<10} kills {trial.kills},"
        f" steps lost at most {trial.lost} (asked {INTERVAL}),"
        f" unlike: {', '.join(trial.unlike) or 'nothing'}",
        flush=True,
    )
    return trial


def grown(trials: list[Trial], worn: Trial, strays: int) -> bool:
    """Print what was left behind, and return whether it was nothing."""
    orphans = sum(trial.orphans for trial in trials)
    leftovers = sum(trial.leftovers for trial in trials) + strays
    half = len(worn.files) // 2
    files = max(worn.files[half:]) - max(worn.files[:half])
    # The first attempt read no checkpoint.
    opened = max(worn.open_files[1:]) - min(worn.open_files[1:])
    flat = files <= 0 and opened == 0
    reached = (orphans, leftovers) == (0, 0) and flat
    print(
        f"{'ok' if reached else 'MISSED':<8}left behind by {sum(t.kills for t in trials)} kills:"
        f" processes {orphans} (asked 0), temporaries {leftovers} (0); in {worn.kills} of one run:"
        f" open files by {opened} more (0), its files by {files} (0)",
        flush=True,
    )
    return reached


def main(trials: int = TRIALS, epochs: int = EPOCHS) -> int:
    """Try it and return 0 if every run ended the same and nothing was left behind."""
    torch.set_num_threads(1)
    generator = random.Random(0)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clipbench-kills-") as name:
        system = Path(name, "tmp")
        system.mkdir()
        os.environ["TMPDIR"] = str(system)
        work = Workload(Path(name), epochs=epochs)
        kills = Kills(work)
        done = [shown(f"trial {n}", kills.killed(Path(name, f"run{n}"), generator))
                for n in range(1, trials + 1)]  # fmt: skip
        colds = [shown(f"cold {n}", cold(work, Path(name, f"cold{n}"), generator))
                 for n in range(1, COLD + 1)]  # fmt: skip
        worn = shown("worn", kills.worn(Path(name, "worn")))
        clean = grown([*done, *colds, worn], worn, strays=len(list(system.iterdir())))
    sent = sum(trial.kills for trial in done)
    print(f"{sent} kills in {trials} trials; {time.monotonic() - started:.0f} s")
    print(f"through the command line: {sum(trial.same for trial in colds)} of {COLD} the same")
    print(f"the same: {sum(trial.same for trial in done)} of {trials}")
    return 0 if clean and all(trial.same for trial in (*done, *colds, worn)) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
