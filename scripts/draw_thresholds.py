"""Draws the picture of the README: learned thresholds over the activations that they cut.

.venv/bin/python scripts/draw_thresholds.py RUN FILE.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from clipbench.records.journal import read

BANDS = [("q01", "q99", 0.18), ("q50", "q90", 0.35)]


def series(run: Path, tag: str) -> tuple[list[int], list[float]]:
    """Return steps and values of one tag of a run."""
    records, _ = read(run / "metrics.jsonl")
    points = [(r["step"], r["scalars"][tag]) for r in records if tag in r["scalars"]]
    return [step for step, _ in points], [value for _, value in points]


def sites(run: Path) -> list[str]:
    """Return the sites of a run that have an upper threshold."""
    tags = {tag for record in read(run / "metrics.jsonl")[0] for tag in record["scalars"]}
    return sorted(t.split("/")[1] for t in tags if t.startswith("threshold/") and "/upper" in t)


def draw(run: Path, file: Path) -> None:
    """Draw one panel a site."""
    names = sites(run)
    figure, panels = plt.subplots(1, len(names), figsize=(3.4 * len(names), 3), sharey=True)
    for panel, site in zip(panels, names, strict=True):
        for low, high, alpha in BANDS:
            steps, lower = series(run, f"activation_quantile/{site}/{low}")
            _, upper = series(run, f"activation_quantile/{site}/{high}")
            label = f"inputs {low} to {high}"
            panel.fill_between(steps, lower, upper, alpha=alpha, color="tab:blue", label=label)
        steps, values = series(run, f"threshold/{site}/upper")
        panel.plot(steps, values, color="tab:red", label="threshold")
        panel.plot(steps, [-value for value in values], color="tab:red", linestyle=":")
        panel.set_title(site)
        panel.set_xlabel("step")
    panels[0].set_ylabel("activation")
    panels[-1].legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    figure.savefig(file, dpi=110)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
