"""Campaign: the same words give the same run, whatever stops it; another thread count is said.

Run it in the project's environment: .venv/bin/python -m scripts.campaign_determinism [EPOCHS]
Six clips under two models, with dropout where the model has it, a new order and augmentation each
epoch. Each of the twelve is run twice, and then stopped and gone on with at the end of each epoch
and within each: SHA-256 of weights, optimizer, journal, thresholds, sparsity, predictions and
results must be those of the first run. Then one is gone on with under two threads where it began
with one: a warning must say so and the manifest record both.
"""

from __future__ import annotations

import itertools
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from clipbench.cli import begun as running
from clipbench.records.run_dir import read_run
from clipbench.training.loop import Update
from scripts.workload import Workload

EPOCHS, STEPS_PER_EPOCH = 3, 6
CLIPS = ("relu", "learnable", "pact", "prelu", "masked", "topk")
MODELS = {
    "mlp": ("model=mlp", "model.widths=[16]", "model.dropout=0.2"),
    "cnn": ("model=cnn", "model.widths=[4,8]", "model.batch_norm=true"),
}
SMALL = ("trainer.batch_size=70", "trainer.log_every=4")
STOPPED = 143

Place = tuple[int, int]
"""Steps and epochs that are done."""


def workload(folder: Path, clip: str, model: str, *, epochs: int = EPOCHS) -> Workload:
    """Return one clip under one model, run once."""
    return Workload(folder, epochs=epochs, more=(f"clip={clip}", *MODELS[model], *SMALL))


def again(work: Workload) -> list[str]:
    """Run a workload a second time; return what is not the same."""
    return ended(work, work.folder / "again")


def with_stops(work: Workload, places: list[Place]) -> list[str]:
    """Run a workload with stops; return what is not the same."""
    run = work.folder / "stopped"
    for place in places:
        with work.attempt(run, prepare=stopping(place)) as attempt:
            if attempt.wait() != STOPPED:
                return [f"no stop at {place}"]
    return ended(work, run)


def places_of(epochs: int, generator: random.Random) -> list[Place]:
    """Return where to stop: in each epoch, before its validation, and at its end."""
    found = []
    for epoch in range(epochs):
        before = epoch * STEPS_PER_EPOCH
        found += [
            (before + generator.randint(1, STEPS_PER_EPOCH - 1), epoch),
            (before + STEPS_PER_EPOCH, epoch),
            (before + STEPS_PER_EPOCH, epoch + 1),
        ]
    return found


def stopping(place: Place) -> Callable[[Callable[[], None]], None]:
    """Return what makes an attempt ask itself to stop at a place."""

    def prepare(mark: Callable[[], None]) -> None:
        train = running.train

        def stopped(update: Update, *, should_stop: Callable[[], bool], **rest: Any) -> None:  # noqa: ANN401
            def asked() -> bool:
                state = update.runs[0].state
                if (state.step, state.epoch) >= place and not should_stop():
                    signal.raise_signal(signal.SIGTERM)
                return should_stop()

            train(update, should_stop=asked, **rest)

        running.train = stopped  # type: ignore[assignment]

    return prepare


def ended(work: Workload, run: Path, *, threads: int = 1) -> list[str]:
    """Let a run end; return what is not the same."""
    with work.attempt(run, prepare=lambda mark: torch.set_num_threads(threads)) as attempt:
        code = attempt.wait()
    return work.unlike(run) if code == 0 else [f"exit {code}"]


def threads_are_declared(work: Workload) -> bool:
    """Go on under two threads with what one began; tell whether that is said and recorded."""
    run, log = work.folder / "threads", work.folder / "log"
    with work.attempt(run, prepare=stopping((STEPS_PER_EPOCH, 0))) as attempt:
        attempt.wait()
    before = len(log.read_text())
    ended(work, run, threads=2)
    warned = "begun with 1 threads and goes on with 2" in log.read_text()[before:]
    record = read_run(run)
    return warned and (record["threads"], record["resumed"][-1]["threads"]) == (1, 2)


def shown(name: str, twice: list[str], stopped: list[str], stops: int) -> bool:
    """Print how a workload repeats."""
    good = not twice and not stopped
    print(
        f"{'ok' if good else 'MISSED':<8}{name:<16} unlike the second time:"
        f" {', '.join(twice) or 'nothing'}; with {stops} stops: {', '.join(stopped) or 'nothing'}",
        flush=True,
    )
    return good


def main(epochs: int = EPOCHS) -> int:
    """Try it and return 0 if every run repeats."""
    torch.set_num_threads(1)
    started, generator = time.monotonic(), random.Random(0)
    good = []
    with tempfile.TemporaryDirectory(prefix="clipbench-determinism-") as name:
        for model, clip in itertools.product(MODELS, CLIPS):
            work = workload(Path(name, f"{clip}-{model}"), clip, model, epochs=epochs)
            places = places_of(epochs, generator)
            found = again(work), with_stops(work, places)
            good.append(shown(f"{clip} {model}", *found, len(places)))
        declared = threads_are_declared(work)
    print(f"{'ok' if declared else 'MISSED':<8}another number of threads is said and recorded")
    print(f"{time.monotonic() - started:.0f} s")
    print(f"the same twice, and after every stop: {sum(good)} of {len(good)}")
    return 0 if declared and all(good) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
