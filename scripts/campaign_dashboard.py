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
import io
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from chromium import Browser, NoBrowser, find
from PIL import Image

from clipbench.analysis.load import Run, load_runs
from clipbench.records.tensorboard import EVENT_FILES

CLIPS, SEEDS = ("learnable", "pact", "prelu", "relu"), (0, 1, 2)
SIXTY = ("learnable", "pact", "prelu", "relu", "soft_cap", "two_sided", "masked", "smooth_pact",
         "sigmoid_gate", "jumprelu", "fatrelu_piecewise", "crelu", "cst", "soft_threshold", "str",
         "topk", "srelu", "tqt", "gelu", "silu")  # fmt: skip
PAGE_SECONDS, FILE_BYTES, STEP_SHARE = 5.0, 3_000_000, 0.02
PAIRS = 4

# Elements anywhere in the page, inside the shadow trees of its components too.
DEEP = """var deep = (selector, root = document) => {
  const found = [];
  const walk = node => node.querySelectorAll('*').forEach(element => {
    if (element.matches(selector)) found.push(element);
    if (element.shadowRoot) walk(element.shadowRoot);
  });
  walk(root);
  return found;
};"""
CARDS = """[...document.querySelectorAll('metrics-pinned-view card-view')].map(card => ({
  tag: card.querySelector('tb-truncated-path')?.title,
  rows: [...card.querySelectorAll('tb-data-table-content-row')].map(row => [
    row.innerText.trim().split(/\\s+/)[0],
    getComputedStyle(row.querySelector('.row-circle span')).backgroundColor]),
  box: (box => box && [box.left, box.top, box.width, box.height])(
    card.querySelector('canvas')?.getBoundingClientRect()),
}))"""
TOASTS = "[...document.querySelectorAll('mat-snack-bar-container')].map(toast => toast.innerText)"
CELLS = "deep('vaadin-grid-cell-content').map(cell => cell.innerText.trim())"
MEANS = """deep('tf-custom-scalar-margin-chart-card').map(card => [card.title,
  +/[0-9]+/.exec(deep('.collapsible-title-text', card.shadowRoot)[0]?.innerText ?? '0')[0],
  deep('path', card.shadowRoot).filter(path => path.getAttribute('d')?.length > 20).length])"""
IMAGES = "deep('img').filter(image => image.naturalWidth > 100).length"
HISTOGRAMS = "deep('vz-histogram-timeseries').length"


class Checks:
    """Prints one line a figure and counts those reached."""

    def __init__(self) -> None:
        self.reached: list[bool] = []

    def __call__(self, what: str, *, asked: object, measured: object, reached: bool) -> None:
        """Print a figure."""
        print(f"{'ok' if reached else 'MISSED':<8}{what:<46} asked {asked}  measured {measured}",
              flush=True)  # fmt: skip
        self.reached.append(reached)

    def equal(self, what: str, *, asked: object, measured: object) -> None:
        """Print a figure that is reached where both are equal."""
        self(what, asked=asked, measured=measured, reached=asked == measured)


class Links(NamedTuple):
    """What `clipbench tb` prints."""

    curves: str
    means: str
    configurations: str


@contextmanager
def dashboard(folder: Path) -> Iterator[Links]:
    """Run `clipbench tb` on a folder until the block ends, by Ctrl-C."""
    command = [sys.executable, "-m", "clipbench.cli.main", "tb", str(folder), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline() for _ in range(4)]
        yield Links(*(line.split()[-1] for line in lines[1:]))
    finally:
        process.send_signal(signal.SIGINT)
        if process.wait(timeout=30) != 0:
            raise RuntimeError("clipbench tb did not end well on Ctrl-C")


def train(*words: str) -> None:
    """Run `clipbench train`, which must succeed."""
    command = [sys.executable, "-m", "clipbench.cli.main", "train", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}\n{done.stderr[-600:]}")


def ready(tags: Sequence[str], *, runs: int) -> str:
    """Return when the page of curves is readable: every pin is drawn, with all its runs."""
    return f"""(cards => cards.length === {len(tags)}
      && cards.every(card => card.box && card.rows.length > 0)
      && cards[0].rows.length === {runs} && cards)({CARDS})"""


def pinned(link: str) -> list[str]:
    """Return the tags that a link pins."""
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)
    return [card["tag"] for card in json.loads(query["pinnedCards"][0])]


def colors_drawn(browser: Browser, box: Sequence[float], colors: Sequence[str]) -> int:
    """Count which of some CSS colors really stand in a part of the window."""
    left, top, width, height = (round(number) for number in box)
    shot = np.asarray(Image.open(io.BytesIO(browser.image())).convert("RGB")).astype(int)
    part = shot[top : top + height, left : left + width]
    wanted = [[int(number) for number in re.findall(r"\d+", color)[:3]] for color in colors]
    return sum(bool((np.abs(part - color).max(axis=2) <= 8).any()) for color in wanted)


def see(checks: Checks, shots: Path, sweep: Path) -> None:
    """Open each dashboard of the small sweep and check what a person would see."""
    runs = load_runs([sweep])
    with dashboard(sweep) as links, Browser(width=1920, height=1080) as browser:
        see_curves(checks, browser, links.curves)
        browser.screenshot(shots / "curves.png")
        see_rows(checks, browser, links.configurations, runs)
        browser.screenshot(shots / "configurations.png")
        see_means(checks, browser, links.means)
        browser.screenshot(shots / "means.png")
        address = links.means.partition("#")[0]
        for page, script, asked in (
            ("images", IMAGES, 12),
            ("histograms", HISTOGRAMS, 12),
        ):
            browser.open(f"{address}#{page}")
            seen = browser.wait(f"{DEEP}(count => count >= {asked} && count)({script})")
            checks(f"{page} shown", asked=f">= {asked}", measured=seen, reached=seen >= asked)
            time.sleep(1.0)
            browser.screenshot(shots / f"{page}.png")
        checks.equal("errors in the page's console", asked=[], measured=browser.troubles)


def see_curves(checks: Checks, browser: Browser, link: str) -> None:
    """Check pins, curves and colors of the first page."""
    tags = pinned(link)
    browser.open(link)
    cards = browser.wait(ready(tags, runs=len(CLIPS) * len(SEEDS)))
    checks.equal("cards pinned", asked=tags, measured=[card["tag"] for card in cards])
    rows = cards[0]["rows"]
    of_clip = {clip: {color for run, color in rows if run.startswith(clip)} for clip in CLIPS}
    checks.equal("curves of accuracy", asked=len(CLIPS) * len(SEEDS), measured=len(rows))
    checks.equal(
        "colors of a clip's seeds", asked=[1] * len(CLIPS), measured=[*map(len, of_clip.values())]
    )
    colors = sorted({color for _, color in rows})
    checks.equal("colors of all clips", asked=len(CLIPS), measured=len(colors))
    time.sleep(1.0)  # lines slide into their places
    drawn = colors_drawn(browser, cards[0]["box"], colors)
    checks.equal("colors painted in the chart of accuracy", asked=len(CLIPS), measured=drawn)
    thresholds = {card["tag"]: len(card["rows"]) for card in cards[2:]}
    checks.equal(
        "curves of thresholds",
        asked={tag: 6 if tag.endswith("upper") else 3 for tag in tags[2:]},
        measured=thresholds,
    )
    checks.equal("error toasts", asked=[], measured=browser.evaluate(TOASTS))


def see_rows(checks: Checks, browser: Browser, link: str, runs: Sequence[Run]) -> None:
    """Check that the HParams page has a row a configuration, with the mean over its seeds."""
    browser.open(link)
    cells = browser.wait(f"{DEEP}(cells => cells.some(cell => cell === 'relu') && cells)({CELLS})")
    means = {
        clip: statistics.fmean(r.results["test/accuracy"] for r in runs if r.clip == clip)
        for clip in CLIPS
    }
    shown = {clip: _cell_of(cells, clip) for clip in CLIPS}
    names = [cell for cell in cells if re.fullmatch(r"[a-z_]+ [0-9a-f]{8}", cell)]
    checks.equal("rows of configurations", asked=len(CLIPS), measured=len(names))
    near = all(abs(shown[clip] - means[clip]) < 1e-4 for clip in CLIPS)
    asked = {clip: round(mean, 5) for clip, mean in means.items()}
    checks("test accuracy, mean of seeds", asked=asked, measured=shown, reached=near)


def _cell_of(cells: Sequence[str], clip: str) -> float:
    """Return the test accuracy in the row of a clip, whose name stands alone in its own column."""
    row = [cell for cell in cells if cell]
    after = row[row.index(clip) :]
    return float(next(cell for cell in after[5:] if re.fullmatch(r"[01]\.\d{3,}", cell)))


def see_means(checks: Checks, browser: Browser, link: str) -> None:
    """Check that the charts of means are drawn, with a line and a band for each clip."""
    browser.open(link)
    script = f"""{DEEP}(charts => charts.length && charts.every(([, matches, paths]) =>
      matches > 0 && paths >= 2 * matches) && charts)({MEANS})"""
    charts = {title: matches for title, matches, _ in browser.wait(script, seconds=60)}
    upper, slope = ("learnable", "pact"), ("prelu",)
    asked = {tag: len(CLIPS) for tag in ("val/accuracy", "val/loss", "sparsity/mean",
                                         "saturation/mean")}  # fmt: skip
    asked |= {f"threshold/{site}/upper": len(upper) for site in ("fc1", "fc2")}
    asked |= {f"threshold/{site}/slope": len(slope) for site in ("fc1", "fc2")}
    checks.equal("charts of means and their lines", asked=asked, measured=charts)
    checks.equal("error toasts", asked=[], measured=browser.evaluate(TOASTS))


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
