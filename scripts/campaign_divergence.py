"""Campaign: numbers that are not finite, put wherever one can arise, stop a run in that very step.

Run it in the project's environment: .venv/bin/python -m scripts.campaign_divergence
NaN and infinity are put into the batch, the loss, a gradient, a weight and a clip's threshold, at
the first, a middle and the last step of an epoch that are recorded, and at others that are not: 60
runs. Each must end with code 5 and status diverged, name the step, and not make its update; every
checkpoint must be finite and the best one as it was. Then a sweep in which three of six runs
diverge must finish the others and end with code 5, and its report must name those that did and say
how many of each configuration's runs are used.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from clipbench.clips.base import sites
from clipbench.data.batches import ShuffledBatches
from clipbench.records.run_dir import read_run
from clipbench.training import step as stepping
from clipbench.training.checkpoint import BEST_FILE
from clipbench.training.loss import PlainLoss, StepLoss
from clipbench.training.packing import unpack
from clipbench.training.step import Step
from scripts.workload import STEPS_PER_EPOCH, Workload

EPOCHS = 3
PLACES = ("batch", "loss", "gradient", "weight", "threshold")
VALUES = (math.nan, math.inf)
# Steps counted from 0; the one before a multiple of ten, and an epoch's last, are recorded.
STEPS = {
    ("first", True): 9,
    ("first", False): 0,
    ("middle", True): STEPS_PER_EPOCH + 24,
    ("middle", False): STEPS_PER_EPOCH + 25,
    ("last", True): EPOCHS * STEPS_PER_EPOCH - 1,
    ("last", False): EPOCHS * STEPS_PER_EPOCH - 2,
}
DIVERGED, SEEDS = 5, 3


@dataclass
class Poison:
    """One number that is not finite.

    Attributes:
        place: Where it is put.
        value: NaN or infinity.
        step: When, counted from 0.
        now: The step that is being made, in the process that it is put into.
    """

    place: str
    value: float
    step: int
    now: int = -1

    def arrange(self, run: Path, mark: Callable[[], None]) -> None:
        """Put it where it belongs, in this process, whose mark is raised by a forbidden update."""
        self._around_steps(run)
        self._around_losses()
        self._around_batches()
        self._around_updates(mark)

    def _around_steps(self, run: Path) -> None:
        update = Step.__call__

        def step(made: Step, images: Tensor, labels: Tensor, *, sampled: bool) -> None:
            state = made.runs[0].state
            self.now = state.step
            if self.now == self.step:
                best_before(run).write_text(digest(run / "checkpoints" / BEST_FILE))
                self._into_model(state.model)
            update(made, images, labels, sampled=sampled)

        Step.__call__ = step  # type: ignore[method-assign]

    def _around_losses(self) -> None:
        loss_of = PlainLoss.__call__

        def loss(*arguments: Any, **rest: Any) -> StepLoss:  # noqa: ANN401
            found = loss_of(*arguments, **rest)
            if self.place != "loss" or self.now != self.step:
                return found
            total = found.total * self.value
            return found._replace(total=total, parts={"train/loss": total})

        PlainLoss.__call__ = loss  # type: ignore[method-assign]

    def _around_updates(self, mark: Callable[[], None]) -> None:
        update_of = stepping.update_of

        def marking(optimizer: Optimizer) -> Callable[[], object]:
            update = update_of(optimizer)

            def made() -> object:
                if self.now >= self.step:
                    mark()
                return update()

            return made

        stepping.update_of = marking

    def _around_batches(self) -> None:
        epoch_of, batch_of = ShuffledBatches.epoch, ShuffledBatches.batch

        def epoch(
            batches: ShuffledBatches, epoch: int, *, first: int = 0
        ) -> Iterator[tuple[Tensor, Tensor]]:
            found = epoch_of(batches, epoch, first=first)
            for index, (images, labels) in enumerate(found, start=first):
                yield self._into_batch(images, at=(epoch, index)), labels

        def batch(batches: ShuffledBatches, epoch: int, index: int) -> tuple[Tensor, Tensor]:
            images, labels = batch_of(batches, epoch, index)
            if batches.augment is not None:  # the others set thresholds before the first step
                images = self._into_batch(images, at=(epoch, index))
            return images, labels

        ShuffledBatches.epoch = epoch  # type: ignore[method-assign]
        ShuffledBatches.batch = batch  # type: ignore[method-assign]

    def _into_model(self, model: nn.Module) -> None:
        clip = next(iter(sites(model).values()))
        if self.place == "gradient":
            parameter = next(model.parameters())
            parameter.register_post_accumulate_grad_hook(self._into_gradient)
        owner = {"weight": model, "threshold": clip}.get(self.place)
        if owner is not None:
            with torch.no_grad():
                next(owner.parameters()).view(-1)[0] = self.value

    def _into_gradient(self, parameter: Tensor) -> None:
        assert parameter.grad is not None
        parameter.grad.view(-1)[0] = self.value

    def _into_batch(self, images: Tensor, *, at: tuple[int, int]) -> Tensor:
        if self.place == "batch" and at == divmod(self.step, STEPS_PER_EPOCH):
            images = images.clone()
            images.view(-1)[0] = self.value
        return images


def best_before(run: Path) -> Path:
    """Return the file for the digest that the best checkpoint had before the number came in."""
    return run.with_suffix(".best")


def fault(work: Workload, run: Path, poison: Poison) -> str:
    """Let one number into a run; return what is wrong with how it ended, or nothing."""
    with work.attempt(run, prepare=lambda mark: poison.arrange(run, mark)) as attempt:
        code = attempt.wait()
        updated = attempt.marked
    record = read_run(run)
    checkpoints = run / "checkpoints"
    told = f"at step {poison.step}:" in (record["cause"] or "")
    faults = {
        f"exit {code}": code != DIVERGED,
        f"status {record['status']}": record["status"] != "diverged",
        f"said: {record['cause']}": not told,
        "the update was made": updated,
        "a checkpoint is not finite": not all(map(whole, checkpoints.glob("*.pt"))),
        "another best": digest(checkpoints / BEST_FILE) != best_before(run).read_text(),
    }
    return "; ".join(text for text, wrong in faults.items() if wrong)


def whole(checkpoint: Path) -> bool:
    """Tell whether a checkpoint can be read, which none can that holds what is not finite."""
    try:
        unpack(checkpoint.read_bytes())
    except ValueError:
        return False
    return True


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, or nothing where there is none."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""


def poisons() -> dict[str, Poison]:
    """Return every number to try, by its name."""
    return {
        f"{value} in the {place}, {when} step, {'' if kept else 'not '}recorded": Poison(
            place, value, step
        )
        for place, value, ((when, kept), step) in itertools.product(PLACES, VALUES, STEPS.items())
    }


def sweep(folder: Path) -> bool:
    """Let half of a sweep diverge; print what its end and its report say, and whether all is."""
    folder.mkdir()
    words = ["experiment=smoke", "optim=sgd", "optim.lr=0.1,1e30", f"seed=range(0,{SEEDS})"]
    swept = command(folder, "train", "-m", *words, "name=s", "trainer.device=cpu")
    report = command(folder, "report", "outputs/s")
    runs = [read_run(file.parent)["status"] for file in folder.rglob("seed=*/run.json")]
    said = report.stdout
    measured = {
        "exit": (swept.returncode, DIVERGED),
        "finished": (runs.count("finished"), SEEDS),
        "diverged": (runs.count("diverged"), SEEDS),
        "listed": (said.count("diverged at step"), SEEDS),
        "used of run": (re.findall(r"^optim.lr\S+ +(\d+/\d+)", said, re.MULTILINE),
                        [f"{SEEDS}/{SEEDS}", f"0/{SEEDS}"]),
    }  # fmt: skip
    good = all(found == asked for found, asked in measured.values())
    text = ", ".join(f"{key} {found} (asked {asked})" for key, (found, asked) in measured.items())
    print(f"{'ok' if good else 'MISSED':<8}a sweep of which half diverges: {text}", flush=True)
    return good


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``clipbench`` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "clipbench.cli.main", *words],
        cwd=folder, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )  # fmt: skip


def main() -> int:
    """Try it and return 0 if every number was caught."""
    torch.set_num_threads(1)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clipbench-divergence-") as name:
        work = Workload(Path(name), epochs=EPOCHS)
        faults = {}
        for number, (what, poison) in enumerate(poisons().items()):
            faults[what] = fault(work, Path(name, f"run{number}"), poison)
            print(f"{'MISSED' if faults[what] else 'ok':<8}{what} {faults[what]}", flush=True)
        swept = sweep(Path(name, "sweep"))
    caught = sum(not text for text in faults.values())
    print(f"{time.monotonic() - started:.0f} s")
    print(f"a sweep goes on: {int(swept)} of 1")
    print(f"caught in the same step, before its update: {caught} of {len(faults)}")
    return 0 if swept and caught == len(faults) else 1


if __name__ == "__main__":
    sys.exit(main())
