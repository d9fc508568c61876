"""Campaign: the accuracies that the defaults must reach, on real data, through the command line.

Run it in the project's environment: .venv/bin/python scripts/campaign_accuracy.py [NAME ...]
Names: digits clips mnist fashion cifar10 (default: all). Prints one line a figure, asked beside
measured, and ends with `N of M`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.records.journal import read
from clipbench.records.run_dir import read_run

SPECIMENS = ("published_sigmoid", "published_mask")
MUST_MOVE = ("learnable", "masked", "sigmoid_gate", "sigmoid_gate_st", "prelu")


@dataclass(frozen=True)
class Figure:
    """One run and what it must reach."""

    name: str
    overrides: tuple[str, ...]
    accuracy: float = 0.0
    seconds: float = float("inf")
    moves: bool | None = field(default=None)


def figures() -> list[Figure]:
    """Return every figure, in the order of their cost."""
    learnable = ("model=cnn", "clip=learnable")
    found = [Figure("digits", learnable, accuracy=0.975, seconds=20.0)]
    for clip in option_names(conf_dir(), "clip"):
        moves = False if clip in SPECIMENS else True if clip in MUST_MOVE else None
        least = 0.0 if clip in SPECIMENS else 0.95
        found.append(Figure("clips", ("model=cnn", f"clip={clip}"), accuracy=least, moves=moves))
    found.append(Figure("mnist", ("data=mnist", *learnable), accuracy=0.99, moves=True))
    relu = ("model=cnn", "clip=relu")
    found.append(Figure("fashion", ("data=fashion_mnist", *relu), accuracy=0.915))
    found.append(Figure("cifar10", ("data=cifar10", *relu), accuracy=0.80))
    return found


def measure(figure: Figure, folder: Path) -> bool:
    """Run one figure, print it, and return whether it was reached."""
    command = [sys.executable, "-m", "clipbench.cli.main", "train", *figure.overrides]
    started = time.monotonic()
    done = subprocess.run(
        [*command, f"hydra.run.dir={folder}"], check=False, capture_output=True, text=True
    )
    seconds = time.monotonic() - started
    if done.returncode != 0:
        print(f"FAILED  {' '.join(figure.overrides)}\n{done.stderr[-600:]}", flush=True)
        return False
    results = read_run(folder)["results"]
    paths = movements(folder)
    moved = max((abs(path[-1] - path[0]) for path in paths.values()), default=0.0)
    reached = (
        results["test/accuracy"] >= figure.accuracy
        and results["seconds/total"] <= figure.seconds
        and (figure.moves is None or figure.moves == (moved > 0))
    )
    shown = "  ".join(f"{tag} {path[0]:.3f}->{path[-1]:.3f}" for tag, path in paths.items())
    print(
        f"{'ok' if reached else 'MISSED':<8}{' '.join(figure.overrides):<40}"
        f" test {results['test/accuracy']:.4f} (asked {figure.accuracy})"
        f"  epochs {read_run(folder)['config']['trainer']['epochs']}"
        f"  run {results['seconds/total']:.1f} s  command {seconds:.1f} s  {shown}",
        flush=True,
    )
    return reached


def movements(folder: Path) -> dict[str, list[float]]:
    """Return the recorded path of every threshold of a run."""
    paths: dict[str, list[float]] = {}
    for record in read(folder / "metrics.jsonl")[0]:
        for tag, value in record["scalars"].items():
            if tag.startswith("threshold/"):
                paths.setdefault(tag.removeprefix("threshold/"), []).append(value)
    return paths


def main(names: list[str]) -> int:
    """Measure the named figures and return 0 if all were reached."""
    chosen = [figure for figure in figures() if not names or figure.name in names]
    with tempfile.TemporaryDirectory() as folder:
        reached = [measure(f, Path(folder) / str(i)) for i, f in enumerate(chosen)]
    print(f"{sum(reached)} of {len(reached)} figures reached")
    return 0 if reached and all(reached) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
