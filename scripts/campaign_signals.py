"""Campaign: runs asked to stop by SIGTERM or SIGINT, anywhere, stop soon and lose nothing.

Run it in the project's environment: .venv/bin/python -m scripts.campaign_signals [EPOCHS]
Each signal comes at 20 moments: between two steps or within one, inside a save, in validation, and
in a job of two seeds. Each time the run must end within 5 s with 143 or 130, with a checkpoint of
its very last step, and go on to the end of the run that nobody stopped. Then a second signal
follows the first at random: it must end the run in less than a second and harm nothing. At last the
handler itself is watched: it must touch neither files nor anything else that Python audits.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from clipbench.cli import begun as running
from clipbench.cli.stopping import stop_on_signals
from clipbench.records import durable
from clipbench.records.run_dir import read_run
from clipbench.training.evaluate import Evaluation
from clipbench.training.seed_run import SeedRun
from scripts.attempt import Attempt
from scripts.broken_system import in_child
from scripts.campaign_kills import newest
from scripts.workload import STEPS_PER_EPOCH, Workload

EPOCHS = 6
SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130}
MOMENTS = {"a step": 8, "a save": 4, "validation": 4, "two seeds": 4}
TWICE = 5
SOON, AT_ONCE, HELD = 5.0, 1.0, 0.1

Mark = Callable[[], None]


@dataclass(frozen=True)
class Stop:
    """How a job that was asked to stop ended.

    Attributes:
        code: Its exit code; None where it did not end.
        seconds: From the signal to the end.
        lost: Steps done that no checkpoint holds.
        status: What the manifest of the seed that was stopped says.
        unlike: The parts in which its end, gone on with, is not that of the undisturbed one.
    """

    code: int | None
    seconds: float
    lost: int
    status: str
    unlike: list[str]

    def good(self, code: int) -> bool:
        """Tell whether it stopped as it must at one signal."""
        stopped = (self.code, self.status, self.lost) == (code, "interrupted", 0)
        return stopped and self.seconds <= SOON and not self.unlike


class Stops:
    """A workload that is stopped, each time in a new folder, and gone on with."""

    def __init__(self, work: Workload, generator: random.Random) -> None:
        self.work, self.generator = work, generator
        self._made = 0

    def at_random(self, number: signal.Signals) -> Stop:
        """Send a signal at any moment between the first step and the last, of any seed."""
        step, seed = self._step(), self.generator.randrange(self.work.seeds)
        job = self._new()
        with self.work.attempt(job) as attempt:
            attempt.until(lambda: len(self.work.begun(job)) > seed and attempt.step >= step)
            time.sleep(self.generator.uniform(0, 0.004))
            attempt.send(number)
            return self._ended(job, attempt)

    def inside(self, number: signal.Signals, hold: Callable[[int, Mark], None]) -> Stop:
        """Send a signal while the run is held in a save or in validation."""
        step, job = self._step(), self._new()
        with self.work.attempt(job, prepare=lambda mark: hold(step, mark)) as attempt:
            attempt.until(lambda: attempt.marked)
            attempt.send(number)
            return self._ended(job, attempt)

    def twice(self, number: signal.Signals, other: signal.Signals) -> Stop:
        """Send one signal and, a moment later, another."""
        job = self._new()
        with self.work.attempt(job) as attempt:
            attempt.reach(self._step())
            attempt.send(number)
            time.sleep(self.generator.uniform(0, 0.004))
            attempt.send(other)
            return self._ended(job, attempt)

    def _step(self) -> int:
        return self.generator.randint(1, self.work.steps - 2)

    def _new(self) -> Path:
        self._made += 1
        return Path(tempfile.mkdtemp(prefix="stopped-", dir=self.work.folder), str(self._made))

    def _ended(self, job: Path, attempt: Attempt) -> Stop:
        since = time.monotonic()
        code = attempt.wait(4 * SOON)
        seconds = time.monotonic() - since
        run = self.work.begun(job)[-1]
        status, lost = read_run(run)["status"], attempt.step - newest(run)
        with self.work.attempt(job) as again:
            went_on = again.wait() == 0
        wrong = self.work.unlike(job) if went_on else ["it does not go on"]
        return Stop(code, seconds, lost, status, wrong)


def in_a_save(step: int, mark: Mark) -> None:
    """Hold the first save from a step on amid the write of its checkpoint."""
    save, write = running.save_checkpoint, durable.write_all

    def held(descriptor: int, content: bytes | memoryview) -> None:
        durable.write_all = write  # once
        write(descriptor, content[: len(content) // 2])
        wait_for_signal(mark)
        write(descriptor, content[len(content) // 2 :])

    def saving(*arguments: Any, step: int, **rest: Any) -> Path:  # noqa: ANN401
        if step >= first:
            running.save_checkpoint = save
            durable.write_all = held
        return save(*arguments, step=step, **rest)

    first, running.save_checkpoint = step, saving


def in_validation(step: int, mark: Mark) -> None:
    """Hold the first validation from a step on, but not the last one, which ends the run."""
    validate = SeedRun.validate

    def held(run: SeedRun) -> Evaluation:
        if run.state.step >= step - STEPS_PER_EPOCH:
            SeedRun.validate = validate  # type: ignore[method-assign]
            wait_for_signal(mark)
        return validate(run)

    SeedRun.validate = held  # type: ignore[method-assign]


def wait_for_signal(mark: Mark) -> None:
    """Raise the mark and go on once the handler has set its flag."""
    mark()
    before = time.monotonic()
    while time.monotonic() - before < HELD:  # a sleep of its own would go on after the signal
        time.sleep(0.001)


def events_of_handler() -> list[str]:
    """Return what Python audits while the handler runs."""
    events: list[str] = []
    listening = False

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if listening:
            events.append(event)

    sys.addaudithook(hook)
    with stop_on_signals() as stop:
        listening = True
        signal.raise_signal(signal.SIGTERM)
        asked = stop()
        listening = False
    return events if asked else ["the handler did not run"]


def handler_is_silent() -> bool:
    """Tell, in a child because a hook cannot be taken off, whether the handler does no I/O."""

    def listen() -> None:
        events = events_of_handler()
        if events:
            raise AssertionError(events)

    return in_child(listen) == 0


def stops(stopping: Stops, several: Stops, number: signal.Signals) -> list[bool]:
    """Send one signal at twenty moments; print each and return which were good."""
    ways: dict[str, Callable[[], Stop]] = {
        "a step": lambda: stopping.at_random(number),
        "a save": lambda: stopping.inside(number, in_a_save),
        "validation": lambda: stopping.inside(number, in_validation),
        "two seeds": lambda: several.at_random(number),
    }
    return [
        shown(f"{number.name} in {way}", stop := ways[way](), stop.good(SIGNALS[number]))
        for way, times in MOMENTS.items()
        for _ in range(times)
    ]


def second_signals(stopping: Stops) -> list[bool]:
    """Send two signals, in every order; print each and return which were good."""
    good = []
    for number in SIGNALS:
        for other in SIGNALS:
            for _ in range(TWICE):
                stop = stopping.twice(number, other)
                in_time = stop.code in SIGNALS.values() and stop.seconds <= AT_ONCE
                whole = stop.status in ("interrupted", "running") and not stop.unlike
                good.append(shown(f"{number.name}, {other.name}", stop, in_time and whole))
    return good


def shown(name: str, stop: Stop, good: bool) -> bool:
    """Print how a job ended."""
    print(
        f"{'ok' if good else 'MISSED':<8}{name:<24} exit {stop.code} in {stop.seconds:.2f} s,"
        f" {stop.status}, steps lost {stop.lost}, unlike: {', '.join(stop.unlike) or 'nothing'}",
        flush=True,
    )
    return good


def main(epochs: int = EPOCHS) -> int:
    """Try it and return 0 if every signal was answered as it must be."""
    torch.set_num_threads(1)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clipbench-signals-") as name:
        generator = random.Random(0)
        one = Stops(Workload(Path(name, "one"), epochs=epochs), generator)
        two = Stops(Workload(Path(name, "two"), epochs=epochs, seeds=2), generator)
        first = [good for number in SIGNALS for good in stops(one, two, number)]
        second = second_signals(one)
    silent = handler_is_silent()
    print(f"{'ok' if silent else 'MISSED':<8}the handler does no I/O")
    print(f"second signals that end a run in {AT_ONCE:.0f} s, unharmed: {sum(second)} of", end=" ")
    print(f"{len(second)}; {time.monotonic() - started:.0f} s")
    print(f"stopped in {SOON:.0f} s, nothing lost: {sum(first)} of {len(first)}")
    return 0 if silent and all(first + second) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
