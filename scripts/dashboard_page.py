"""What a person would see in the dashboards of the campaign's sweep, checked in the page itself."""

from __future__ import annotations

import io
import json
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from chromium import Browser
from PIL import Image

from clipbench.analysis.load import Run, load_runs

CLIPS, SEEDS = ("learnable", "pact", "prelu", "relu"), (0, 1, 2)

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
CHARTS = "tf-custom-scalar-margin-chart-card, tf-custom-scalar-multi-line-chart-card"
MATCHES = ".collapsible-title-text, .matches-text"
DRAWN = f"""deep('{CHARTS}').map(card => [card.title,
  +/[0-9]+/.exec(deep('{MATCHES}', card.shadowRoot)[0]?.innerText ?? '0')[0],
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
    one = next(run.path for run in runs if run.clip == "learnable")
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
        with dashboard(one) as of_one:
            see_charts(checks, browser, of_one.means)
            browser.screenshot(shots / "charts.png")
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
    upper, slope = ("learnable", "pact"), ("prelu",)
    asked = {tag: len(CLIPS) for tag in ("val/accuracy", "val/loss", "sparsity/mean",
                                         "saturation/mean")}  # fmt: skip
    asked |= {f"threshold/{site}/upper": len(upper) for site in ("fc1", "fc2")}
    asked |= {f"threshold/{site}/slope": len(slope) for site in ("fc1", "fc2")}
    drawn = charts_drawn(browser, asked)
    checks.equal("charts of means and their lines", asked=asked, measured=drawn)
    checks.equal("error toasts", asked=[], measured=browser.evaluate(TOASTS))


def see_charts(checks: Checks, browser: Browser, link: str) -> None:
    """Check that every chart of a single run is drawn, thresholds among their inputs too."""
    browser.open(link)
    sites = ("fc1", "fc2")
    asked = dict.fromkeys(
        [
            "thresholds of all sites",
            *(f"{site}: upper threshold over its inputs, q50 to q99" for site in sites),
            "share of zeros at all sites",
            "share of inputs at or beyond a threshold",
            "loss",
            "accuracy",
        ],
        2,
    )
    asked |= {title: 1 for title in asked if "over its inputs" in title}
    drawn = charts_drawn(browser, asked)
    checks.equal("charts of one run and their lines", asked=asked, measured=drawn)


def charts_drawn(browser: Browser, asked: dict[str, int]) -> dict[str, int]:
    """Return how many lines each chart has: those asked for, or what is there in a minute."""
    until = time.monotonic() + 60
    while True:
        charts = browser.evaluate(f"{DEEP}{DRAWN}")
        drawn = {title: matches for title, matches, paths in charts if paths >= matches}
        if drawn == asked or time.monotonic() > until:
            return drawn
        time.sleep(0.2)
