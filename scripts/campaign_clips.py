"""Campaign: every clip on digits, three seeds each: accuracy, sparsity, thresholds, cost.

Run it in the project's environment: .venv/bin/python scripts/campaign_clips.py [CLIP ...]
Prints a Markdown table and ends with `N of M clips trained`; it fails when one did not. The cost is
the median time of a training step over that of ReLU, measured in turns within this process; so
nothing else should run on the machine.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, median, stdev
from time import perf_counter

import torch

from clipbench.cli.assemble import assemble, load_data
from clipbench.cli.compose import compose
from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.clips.base import sites
from clipbench.data.images import ImageData
from clipbench.records.journal import read
from clipbench.records.run_dir import RUN_FILE, read_run
from clipbench.training.gradients import clip_gradients, labelled_weights
from clipbench.training.loss import loss_for

SEEDS = 3
TURNS, STEPS = 9, 20


def train(clip: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Train every seed of a clip."""
    command = [sys.executable, "-m", "clipbench.cli.main", "train", "model=cnn", f"clip={clip}"]
    return subprocess.run(
        [*command, f"num_seeds={SEEDS}", f"hydra.run.dir={folder}"],
        check=False,
        capture_output=True,
        text=True,
    )


def outcome(folder: Path) -> str:
    """Return accuracy, sparsity and thresholds as they stand in the table."""
    runs = [path.parent for path in sorted(folder.rglob(RUN_FILE))]
    results = [read_run(run)["results"] for run in runs]
    accuracy = [100 * result["test/accuracy"] for result in results]
    sparsity = fmean(100 * result["sparsity/mean"] for result in results)
    moved = "; ".join(movements(runs))
    return f"{fmean(accuracy):.2f} ± {stdev(accuracy):.2f} | {sparsity:.1f} | {moved}"


def movements(runs: list[Path]) -> Iterator[str]:
    """Say where each threshold started and ended, as means over sites, channels and seeds."""
    starts: dict[str, list[float]] = {}
    ends: dict[str, list[float]] = {}
    for run in runs:
        first: dict[str, float] = {}
        last: dict[str, float] = {}
        for record in read(run / "metrics.jsonl")[0]:
            for tag, value in record["scalars"].items():
                if tag.startswith("threshold/"):
                    first.setdefault(tag, value)
                    last[tag] = value
        last |= {tag: v for tag, v in read_run(run)["results"].items() if tag in last}
        for tag, value in first.items():
            parts = tag.split("/")
            if parts[-1] in ("min", "max"):
                continue
            name = parts[-2] if parts[-1] == "mean" else parts[-1]
            starts.setdefault(name, []).append(value)
            ends.setdefault(name, []).append(last[tag])
    for name, values in starts.items():
        yield f"{name} {fmean(values):.3g} → {fmean(ends[name]):.3g}"


def stepper(clip: str, data: ImageData) -> Callable[[], float]:
    """Return what takes ``STEPS`` training steps under a clip and gives the seconds of one."""
    (job,) = compose(["model=cnn", f"clip={clip}"]).jobs
    parts = assemble(job.config, data, seed=0, device=torch.device("cpu"))
    model, optimizer = parts.state.model, parts.state.optimizer
    losses, weights = loss_for(model, None), labelled_weights(model)
    clips = list(sites(model).values())
    batch = next(iter(parts.train_batches.epoch(0)))

    def take() -> float:
        started = perf_counter()
        for _ in range(STEPS):
            optimizer.zero_grad(set_to_none=True)
            losses(model, batch[0], labels=batch[1], share=0.0).total.backward()
            if parts.grad_clip is not None:
                clip_gradients(weights, parts.grad_clip, state=parts.state.grad_clip_state)
            optimizer.step()
            for each in clips:
                each.project()
        return (perf_counter() - started) / STEPS

    model.train()
    take()
    return take


def cost(clip: str, data: ImageData) -> str:
    """Return milliseconds a step and the ratio to ReLU, medians of turns A B A B."""
    ours, relu = stepper(clip, data), stepper("relu", data)
    pairs = [(ours(), relu()) for _ in range(TURNS)]
    milliseconds = 1000 * median(mine for mine, _ in pairs)
    return f"{milliseconds:.2f} | {median(mine / theirs for mine, theirs in pairs):.2f}"


def main(names: list[str]) -> int:
    """Print the table and return 0 if every clip trained."""
    chosen = names or option_names(conf_dir(), "clip")
    (job,) = compose(["model=cnn"]).jobs
    data, failed = load_data(job.config), []
    print("| clip | accuracy % | zeros % | thresholds | ms a step | of ReLU |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for clip in chosen:
            done = train(clip, Path(folder) / clip)
            if done.returncode == 0:
                shown = outcome(Path(folder) / clip)
            else:
                failed.append(clip)
                shown = f"exit {done.returncode} | | {done.stderr.strip().splitlines()[-1]}"
            print(f"| {clip} | {shown} | {cost(clip, data)} |", flush=True)
    print(f"{len(chosen) - len(failed)} of {len(chosen)} clips trained")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
