"""The parts that time whole commands: ``seeds`` and ``startup``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from clipbench.bench.measure import Part
from clipbench.bench.seeds import Way, seeds_rows
from clipbench.bench.start_up import start_up_rows
from clipbench.cli.benches.request import Asked, How, keys_of
from clipbench.cli.stacks import obstacles

SEEDS_TURNS, START_UP_TURNS = 3, 10
ONE_THREAD = ("env", "OMP_NUM_THREADS=1")
CLIPBENCH = (sys.executable, "-m", "clipbench.cli.main")
PYTHON, TORCH = "bare Python", "import torch"


def measure_seeds(asked: Asked, how: How, told: Callable[[], None]) -> Part:
    """Measure all seeds in one job, shared out in each way there is, against a command for each."""
    first, number = asked.config["seed"], asked.config["num_seeds"]
    words = _without(asked.words, "seed", "num_seeds", "trainer.stack")
    turns = how.repeats or SEEDS_TURNS

    def job(*own: str, prefix: Sequence[str] = ()) -> Way:
        all_words = [*words, *own, f"seed={first}", f"num_seeds={number}"]
        return lambda folder: [[*prefix, *_train(all_words, folder, how)]]

    def commands(folder: Path) -> list[list[str]]:
        seeds = range(first, first + number)
        return [_train([*words, f"seed={s}", "num_seeds=1"], folder / str(s), how) for s in seeds]

    apart = f"{number} commands"
    ways: dict[str, Way] = {apart: commands, "one job": job()}
    # One thread leaves nothing to share out to processes.
    ways["one job, one thread"] = job("trainer.stack=off", prefix=ONE_THREAD)
    ways["one job, not stacked"] = job("trainer.stack=off")
    if number > 1 and not obstacles(asked.config):
        ways["one job, one thread, one stack"] = job(f"trainer.stack={number}", prefix=ONE_THREAD)
    how.told(f"seeds: {number}, {turns} turns")
    rows = seeds_rows(ways, reference=apart, turns=turns, told=told)
    return Part("seeds", {"words": " ".join(asked.words), "turns": turns}, rows)


def measure_start_up(asked: Asked, how: How, told: Callable[[], None]) -> Part:
    """Measure how long one waits for the usage, the help, and the first step."""
    turns = how.repeats or START_UP_TURNS
    words = _without(asked.words, "trainer.epochs", "trainer.log_every")
    commands = {
        TORCH: [sys.executable, "-c", "import torch"],
        PYTHON: [sys.executable, "-c", "pass"],
        "usage": [*CLIPBENCH],
        "train --help": [*CLIPBENCH, "train", "--help"],
    }
    how.told(f"startup: {turns} turns")
    rows = start_up_rows(
        commands,
        lambda folder: _train([*words, "trainer.epochs=1", "trainer.log_every=1"], folder, how),
        reference=TORCH,
        turns=turns,
        told=told,
    )
    return Part("startup", {"words": " ".join(asked.words), "turns": turns}, rows)


def _train(words: Sequence[str], folder: Path, how: How) -> list[str]:
    own = [] if how.config_dir is None else ["--config-dir", how.config_dir]
    return [*CLIPBENCH, "train", *words, f"hydra.run.dir='{folder}'", *own]


def _without(words: Sequence[str], *keys: str) -> list[str]:
    """Return the words but for those that set one of the keys, which a part sets itself."""
    return [word for word, key in zip(words, keys_of(words), strict=True) if key not in keys]
