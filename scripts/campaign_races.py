"""Campaign: several starts on one run directory; one runs, the others go away, nobody waits.

Run it in the project's environment: .venv/bin/python -m scripts.campaign_races [RACES]
In each of 20 races two processes wait for one gun and then start a run in the same folder. Exactly
one must train; the other must exit with 75 in less than 2 s and name the holder's process and
machine in at most three lines. Then the winner is held still and a third start, every fifth time by
the command line, must be sent away likewise without a byte of the folder changed. At last the
winner is killed by SIGKILL: the next start must have the folder in less than a second, and end as
a run without rivals.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from clipbench.cli import run as running
from clipbench.records.lock import holder
from scripts.attempt import Attempt
from scripts.isolated import digests
from scripts.workload import Workload

RACES, EPOCHS, COLD = 20, 2, 5
SOON, AT_ONCE = 2.0, 1.0
BUSY = 75
MOST_LINES = 3


@dataclass(frozen=True)
class SentAway:
    """A start on a folder that somebody else holds.

    Attributes:
        code: Its exit code.
        seconds: Until it ended.
        named: Whether it named the holder, in at most three lines.
    """

    code: int | None
    seconds: float
    named: bool

    @property
    def good(self) -> bool:
        """Whether it went away soon and said why."""
        return self.code == BUSY and self.seconds < SOON and self.named


@dataclass(frozen=True)
class Race:
    """How several starts on one folder ended.

    Attributes:
        trained: How many of the first two did.
        second: The one of them that did not.
        third: A start while the winner was held still.
        changed: Files that the third start changed.
        waited: Seconds that a start after the winner's death waited for the folder.
        begun: The same from its first line, with audit and data.
        unlike: The parts in which the end is not that of a run without rivals.
    """

    trained: int
    second: SentAway
    third: SentAway
    changed: list[str]
    waited: float
    begun: float
    unlike: list[str]

    @property
    def good(self) -> bool:
        """Whether all went as it must."""
        alone = self.trained == 1 and self.second.good and self.third.good
        return alone and not self.changed and self.waited < AT_ONCE and not self.unlike


def race(work: Workload, run: Path, *, cold: bool = False) -> Race:
    """Let two processes start in one folder, then a third, and then one that follows the first."""
    gun, go = run.with_suffix(".gun"), run.with_suffix(".go")
    logs = [run.with_suffix(f".log{n}") for n in range(3)]
    with (
        Attempt(lambda: _at(gun, go, work, run), log=logs[0]) as one,
        Attempt(lambda: _at(gun, go, work, run), log=logs[1]) as two,
    ):
        time.sleep(0.05)
        gun.touch()
        since = time.monotonic()
        one.until(lambda: two.ended() is not None)  # or one has
        go.touch()
        winner, other, log = (one, two, logs[1]) if two.ended() else (two, one, logs[0])
        second = SentAway(other.ended(), time.monotonic() - since, named(winner, log))
        trained = winner.reach(1) + (other.first > 0)
        winner.send(signal.SIGSTOP)
        before = digests(run)
        third = (_cold if cold else _warm)(work, run, winner, logs[2])
        after = digests(run)
        winner.send(signal.SIGKILL)
        winner.wait()
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    since = time.monotonic()
    with work.attempt(run, prepare=_mark_when_it_asks) as last:
        last.until(lambda: last.marked)
        asked = time.monotonic()
        last.until(lambda: holder(run) == name_of(last))
        waited, begun = time.monotonic() - asked, time.monotonic() - since
        unlike = work.unlike(run) if last.wait() == 0 else ["no end"]
    return Race(trained, second, third, changed, waited, begun, unlike)


def name_of(attempt: Attempt) -> str:
    """Return the name under which an attempt holds a lock."""
    return f"process {attempt.pid} on {os.uname().nodename}"


def named(winner: Attempt, log: Path) -> bool:
    """Tell whether a start that was sent away named the holder, in a few lines."""
    said = log.read_text().strip().splitlines()
    return len(said) <= MOST_LINES and any(name_of(winner) in line for line in said)


def _mark_when_it_asks(mark: Callable[[], None]) -> None:
    taken = running.exclusive

    def exclusive(folder: Path, *, patience: float = 0.0) -> AbstractContextManager[None]:
        mark()
        return taken(folder, patience=patience)

    running.exclusive = exclusive  # type: ignore[assignment]


def _at(gun: Path, go: Path, work: Workload, run: Path) -> int:
    """Start at the gun; whoever has the folder keeps it until the other has ended."""
    taken = running.exclusive

    @contextmanager
    def exclusive(folder: Path, *, patience: float = 0.0) -> Iterator[None]:
        with taken(folder, patience=patience):
            _wait_for(go)
            yield

    running.exclusive = exclusive
    _wait_for(gun)
    return work.start(run)


def _wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.0002)


def _warm(work: Workload, run: Path, winner: Attempt, log: Path) -> SentAway:
    since = time.monotonic()
    with Attempt(lambda: work.start(run), log=log) as attempt:
        code = attempt.wait()
    return SentAway(code, time.monotonic() - since, named(winner, log))


def _cold(work: Workload, run: Path, winner: Attempt, log: Path) -> SentAway:
    """Start by the command line; the time is that after its imports, which the others had."""
    code = (
        "import sys, time, torch\n"
        "from clipbench.cli import job\n"
        "from clipbench.cli.main import main\n"
        "since = time.monotonic()\n"
        "code = main(sys.argv[1:])\n"
        "print(time.monotonic() - since)\n"
        "sys.exit(code)\n"
    )
    with open(log, "w") as said:
        ended = subprocess.run(
            [sys.executable, "-c", code, "train", f"resume={run}"],
            stdout=subprocess.PIPE, stderr=said, check=False, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    seconds = float(ended.stdout.split()[-1])
    return SentAway(ended.returncode, seconds, named(winner, log))


def shown(number: int, one: Race) -> bool:
    """Print a race and return whether all went as it must."""
    print(
        f"{'ok' if one.good else 'MISSED':<8}race {number}: trained {one.trained} (asked 1);"
        f" others exit {one.second.code} in {one.second.seconds:.2f} s and {one.third.code} in"
        f" {one.third.seconds:.2f} s ({BUSY}, < {SOON:.0f} s), holder named"
        f" {one.second.named + one.third.named} times (2), files changed {len(one.changed)} (0);"
        f" after SIGKILL had in {one.waited:.2f} s (< {AT_ONCE:.0f} s), {one.begun:.2f} s after"
        f" the start; unlike:"
        f" {', '.join(one.unlike) or 'nothing'}",
        flush=True,
    )
    return one.good


def main(races: int = RACES) -> int:
    """Try it and return 0 if every race went as it must."""
    torch.set_num_threads(1)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clipbench-races-") as name:
        work = Workload(Path(name), epochs=EPOCHS)
        good = [
            shown(n, race(work, Path(name, f"race{n}"), cold=n % COLD == 0))
            for n in range(1, races + 1)
        ]
    print(f"{time.monotonic() - started:.0f} s")
    print(f"races won by one and lost in good order: {sum(good)} of {races}")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
