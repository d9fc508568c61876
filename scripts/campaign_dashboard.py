"""Campaign: what a person sees in the dashboards, in a real browser, and what they cost.

Run it in the project's environment: .venv/bin/python scripts/campaign_dashboard.py [NAME ...]
Names: browser sixty size cost (default: all).

- browser  trains four clips by three seeds on digits, opens the printed links in headless Chromium
           and checks pins, curves, colors, rows, means and pictures; keeps a screenshot of each.
- sixty    the time from the command to a readable page, for a sweep of 60 runs.
- size     the event file of a run of 50 epochs with as many steps as Fashion-MNIST has.
- cost     the time of a step with everything recorded against nothing recorded, A B A B.

Chromium is Debian's; it is installed where that is allowed, and what needs it is skipped with the
reason where not. --shots DIR keeps the screenshots there, --sweep DIR takes a sweep of 60 runs that
is there already. Prints one line a figure, asked beside measured, and ends with `N of M`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from chromium import Browser, NoBrowser, find
from dashboard_page import CLIPS, SEEDS, Checks, dashboard, pinned, ready, see

from clipbench.analysis.load import load_runs
from clipbench.records.tensorboard import EVENT_FILES

SIXTY = ("learnable", "pact", "prelu", "relu", "soft_cap", "two_sided", "masked", "smooth_pact",
         "sigmoid_gate", "jumprelu", "fatrelu_piecewise", "crelu", "cst", "soft_threshold", "str",
         "topk", "srelu", "tqt", "gelu", "silu")  # fmt: skip
PAGE_SECONDS, FILE_BYTES, STEP_SHARE = 5.0, 3_000_000, 0.02
PAIRS = 4


def train(*words: str) -> None:
    """Run `clipbench train`, which must succeed."""
    command = [sys.executable, "-m", "clipbench.cli.main", "train", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}\n{done.stderr[-600:]}")


def browser_part(checks: Checks, arguments: argparse.Namespace, folder: Path) -> None:
    """Train the small sweep and look at it."""
    find()
    sweep = folder / "sweep"
    words = ["data=digits", "model=mlp", "trainer.epochs=8", f"clip={','.join(CLIPS)}"]
    train("-m", *words, f"seed={','.join(map(str, SEEDS))}", f"hydra.sweep.dir={sweep}")
    arguments.shots.mkdir(parents=True, exist_ok=True)
    see(checks, arguments.shots, sweep)
    print(f"        screenshots in {arguments.shots}")


def sixty_part(checks: Checks, arguments: argparse.Namespace, folder: Path) -> None:
    """Measure the time to a readable page of 60 runs; the browser is open already."""
    find()
    sweep = arguments.sweep or folder / "sixty"
    if arguments.sweep is None:
        words = ["experiment=smoke", "trainer.epochs=5", f"clip={','.join(SIXTY)}", "seed=0,1,2"]
        train("-m", *words, f"hydra.sweep.dir={sweep}")
    runs = len(load_runs([sweep]))
    seconds = []
    with Browser(width=1920, height=1080) as browser:
        for _ in range(3):
            started = time.monotonic()
            with dashboard(sweep) as links:
                browser.open(links.curves)
                browser.wait(ready(pinned(links.curves), runs=runs), seconds=120)
                seconds.append(time.monotonic() - started)
                if arguments.shots.is_dir():
                    browser.screenshot(arguments.shots / "sixty.png")
    middle = statistics.median(seconds)
    every = " ".join(f"{one:.1f}" for one in seconds)
    checks(f"seconds to the page of {runs} runs", asked=f"< {PAGE_SECONDS}",
           measured=f"{middle:.2f} (of {every})", reached=middle < PAGE_SECONDS)  # fmt: skip


def size_part(checks: Checks, arguments: argparse.Namespace, folder: Path) -> None:
    """Measure the event file of 50 epochs: the steps of Fashion-MNIST, in a narrow network."""
    words = ["data=fashion_mnist", "model=cnn", "model.widths=[2,2,2]", "clip=learnable"]
    train(*words, "trainer.epochs=50", f"hydra.run.dir={folder / 'fifty'}")
    size = sum(file.stat().st_size for file in (folder / "fifty").glob(EVENT_FILES))
    checks("bytes of the event file of 50 epochs", asked=f"< {FILE_BYTES:,}",
           measured=f"{size:,}", reached=size < FILE_BYTES)  # fmt: skip


def cost_part(checks: Checks, arguments: argparse.Namespace, folder: Path) -> None:
    """Measure the time of an epoch's steps with everything recorded and with nothing, in turn."""
    words = ["data=fashion_mnist", "model=cnn", "clip=learnable", "trainer.epochs=1"]
    silent = ["trainer.log_every=1000000", "probe=[]"]
    ratios = []
    for pair in range(PAIRS):
        seconds = []
        for name, extra in (("all", []), ("none", silent)):
            run = folder / f"cost-{name}-{pair}"
            train(*words, *extra, f"hydra.run.dir={run}")
            (found,) = load_runs([run])
            seconds.append(found.results["seconds/train"])
        ratios.append(seconds[0] / seconds[1] - 1)
        print(f"        recorded {seconds[0]:.2f} s, not recorded {seconds[1]:.2f} s", flush=True)
    middle = statistics.median(ratios)
    every = " ".join(f"{one:+.1%}" for one in ratios)
    checks("step time more with everything recorded", asked=f"<= {STEP_SHARE:.0%}",
           measured=f"{middle:+.2%} (of {every})", reached=middle <= STEP_SHARE)  # fmt: skip


PARTS: dict[str, Callable[[Checks, argparse.Namespace, Path], None]] = {
    "browser": browser_part,
    "sixty": sixty_part,
    "size": size_part,
    "cost": cost_part,
}


def main(words: Sequence[str]) -> int:
    """Measure the named figures and return 0 if all were reached."""
    parser = argparse.ArgumentParser(description="What the dashboards show and cost.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--shots", type=Path, help="folder for screenshots")
    parser.add_argument("--sweep", type=Path, help="a sweep of 60 runs that is there already")
    arguments = parser.parse_args(words)
    if unknown := set(arguments.names) - PARTS.keys():
        parser.error(f"no part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    arguments.shots = arguments.shots or Path(tempfile.mkdtemp(prefix="dashboard-"))
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names or PARTS:
            try:
                PARTS[name](checks, arguments, Path(folder))
            except NoBrowser as reason:
                print(f"SKIPPED {name}: {reason}")
    print(f"{sum(checks.reached)} of {len(checks.reached)} figures reached")
    return 0 if checks.reached and all(checks.reached) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
