"""Campaign: how long a report over a thousand runs of fifty epochs takes.

Run it in the project's environment: .venv/bin/python scripts/campaign_report.py [RUNS]
(default 1000). The runs are made up: twenty configurations, manifests as a run writes them,
journals of fifty epochs with the tags and histograms of a small CNN, predictions for a thousand
test images. The commands run as a user runs them, each in a process of its own, the best of three.
Ends with `N of M`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from clipbench.records.config_hash import config_hash, group_hash
from clipbench.records.histogram import BINS, Histogram
from clipbench.records.journal import JOURNAL_FILE, Journal
from clipbench.records.json_text import sha256
from clipbench.records.run_dir import RUN_FILE, RunDirectory

CONFIGURATIONS, EPOCHS, STEPS, IMAGES = 20, 50, 9, 1000
SITES = ("conv1", "conv2")
ASKED = 5.0
COMMANDS = (
    ["report", "TREE"],
    ["report", "TREE", "--format", "csv"],
    ["report", "TREE", "--guide"],
    ["report", "TREE", "--format", "html", "--output", "TREE/report.html"],
)


def make_tree(tree: Path, *, runs: int) -> int:
    """Write the runs and return the bytes of their journals."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, IMAGES)
    written = 0
    tree.mkdir()
    for clip in range(CONFIGURATIONS):
        journal = tree / f"journal-{clip}"
        results = write_journal(journal, generator)
        written += journal.stat().st_size * (runs // CONFIGURATIONS)
        for seed in range(runs // CONFIGURATIONS):
            folder = tree / f"clip={clip}" / f"seed={seed}"
            wrong = generator.random(IMAGES) < 0.1
            accuracy = {"test/accuracy": 1 - float(wrong.mean())}
            write_manifest(folder, clip=clip, seed=seed, results=results | accuracy)
            shutil.copyfile(journal, folder / JOURNAL_FILE)
            predictions = np.where(wrong, (labels + 1) % 10, labels)
            np.savez_compressed(folder / "predictions.npz", labels=labels, predictions=predictions)
    return written


def write_journal(path: Path, generator: np.random.Generator) -> dict[str, float]:
    """Write one journal as the loop does, and return the scalars of its last epoch."""
    with Journal(path) as journal:
        journal.write(step=0, epoch=0, scalars=thresholds(generator))
        for epoch in range(EPOCHS):
            for step in (STEPS * epoch + 5, STEPS * (epoch + 1)):
                journal.write(step=step, epoch=epoch, scalars=sample(generator))
            scalars = measured(generator)
            histograms = {f"activation/{site}": histogram(generator) for site in SITES}
            journal.write(
                step=STEPS * (epoch + 1), epoch=epoch + 1, scalars=scalars, histograms=histograms
            )
    return scalars | thresholds(generator) | {f"test/{tag}": 0.5 for tag in scalars}


def write_manifest(path: Path, *, clip: int, seed: int, results: dict[str, float]) -> None:
    """Write a manifest of a finished run; what is alike in all is collected once."""
    config = {
        "seed": seed,
        "clip": {"_target_": "clipbench.clips.learnable.LearnableClip", "init": 1.0 + clip},
        "data": {"_target_": "clipbench.data.digits.load"},
        "model": {"_target_": "clipbench.models.cnn.CNN", "widths": [32, 64]},
    }
    first = path.parents[2] / "manifest"
    if not first.exists():
        made = RunDirectory.create(first, config=config, device="cpu", threads=1, stack=1, data={})
        made.finish("finished", results=results)
    manifest = json.loads((first / RUN_FILE).read_text())
    del manifest["digest"]
    manifest |= {
        "config": config,
        "overrides": [f"clip=clip{clip}", f"seed={seed}"],
        "config_hash": config_hash(config),
        "group": group_hash(config),
        "seed": seed,
        "results": results,
    }
    path.mkdir(parents=True)
    text = json.dumps({**manifest, "digest": sha256(manifest)}, indent=1)
    (path / RUN_FILE).write_text(text + "\n")


def thresholds(generator: np.random.Generator) -> dict[str, float]:
    """Make up one threshold a site."""
    return {f"threshold/{site}/upper": float(generator.normal(1, 0.1)) for site in SITES}


def sample(generator: np.random.Generator) -> dict[str, float]:
    """Make up what the loop samples within an epoch."""
    tags = ["learning_rate", "train/loss", "grad_norm/total", "grad_norm/threshold_share"]
    tags += [f"threshold_grad/{site}/upper" for site in SITES]
    return {tag: float(generator.random()) for tag in tags} | thresholds(generator)


def measured(generator: np.random.Generator) -> dict[str, float]:
    """Make up what an epoch ends with."""
    tags = ["train/accuracy", "val/loss", "val/accuracy", "speed/images_per_second"]
    tags += ["seconds/train", "seconds/validation", "sparsity/mean", "sparsity/elements"]
    for site in SITES:
        tags += [f"{kind}/{site}" for kind in ("sparsity", "sparsity_epsilon", "sparsity_next")]
        tags += [f"saturation/{site}", f"dead_units/{site}", f"gradient_window/{site}/upper"]
        tags += [f"activation_quantile/{site}/{q}" for q in ("q01", "q50", "q90", "q99", "q999")]
    return {tag: float(generator.random()) for tag in tags}


def histogram(generator: np.random.Generator) -> Histogram:
    """Make up the distribution of the inputs of a clip."""
    counts, limits = np.histogram(generator.normal(size=10_000), bins=BINS)
    return Histogram(
        min=float(limits[0]),
        max=float(limits[-1]),
        sum=0.0,
        sum_squares=1.0,
        num=int(counts.sum()),
        limits=limits[1:].tolist(),
        counts=counts.tolist(),
    )


def seconds(command: list[str]) -> float:
    """Run a command in a process of its own three times and return the shortest time."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "clipbench.cli.main", *command],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        times.append(time.perf_counter() - started)
    return min(times)


def main(runs: int) -> int:
    """Make the tree, time every command, and return 0 if all are as fast as asked."""
    reached = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        written = make_tree(tree / "runs", runs=runs)
        print(f"{runs} runs x {EPOCHS} epochs, {written / 1e6:,.0f} MB of journals", flush=True)
        for command in COMMANDS:
            words = [word.replace("TREE", str(tree / "runs")) for word in command]
            taken = seconds(words)
            reached.append(taken < ASKED)
            shown = " ".join(word.replace("TREE", "PATH") for word in command)
            print(f"clipbench {shown:<52} {taken:5.2f} s (asked < {ASKED:g})", flush=True)
    print(f"{sum(reached)} of {len(reached)} figures reached")
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
