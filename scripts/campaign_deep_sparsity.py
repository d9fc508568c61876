"""Campaign: in deep plain networks a sparsifying threshold trains only beside a magnitude clip.

Price et al. (2024) predict that at the edge of chaos a shifted ReLU or a soft threshold of high
sparsity lets the variance of deep pre-activations run away, and that clipping the magnitude as well
holds it. Here: an MLP of 30 hidden layers without normalisation, thresholds fixed where 85 % of
standard normal inputs are cut off, with and without the magnitude, plain descent with momentum on
digits. Each arm has the same rates to choose from; the one with the best validation counts.

Run it in the project's environment: .venv/bin/python scripts/campaign_deep_sparsity.py
Prints one line for each arm and rate, one for each verdict, and ends with `N of M`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import NormalDist, fmean

from clipbench.records.run_dir import RUN_FILE, Manifest, read_run

DEPTH, WIDTH, SEEDS, SPARSITY = 30, 300, 3, 0.85
RATES = (1e-5, 1e-4, 1e-3)
# Of ten classes: what is below twice chance has not learned, what is above six times has.
GUESSING, FAILS, TRAINS = 0.1, 0.2, 0.6
ONE_SIDED = NormalDist().inv_cdf(SPARSITY)
TWO_SIDED = NormalDist().inv_cdf((1 + SPARSITY) / 2)
SETTING = (
    "model=mlp",
    f"model.widths=[{','.join([str(WIDTH)] * DEPTH)}]",
    "model.batch_norm=false",
    "model.init=edge_of_chaos",
    "optim=sgd",
    "optim.weight_decay=0",
    "trainer.batch_size=32",
    "trainer.epochs=30",
    "clip.learned=false",
    "probe=[sparsity]",
    f"num_seeds={SEEDS}",
)
ARMS = {
    "shifted ReLU": ("clip=crelu", f"clip.init={ONE_SIDED:.4f}", "clip.magnitude=null"),
    "crelu": ("clip=crelu", f"clip.init={ONE_SIDED:.4f}", "clip.magnitude=1.0"),
    "soft threshold": ("clip=cst", f"clip.init={TWO_SIDED:.4f}", "clip.magnitude=null"),
    "cst": ("clip=cst", f"clip.init={TWO_SIDED:.4f}", "clip.magnitude=1.0"),
}


def measure(arm: str, folder: Path) -> bool:
    """Train one arm at each rate, print it, and return whether the best did as predicted."""
    best: list[float] = []
    for rate in RATES:
        records = trained(arm, rate, folder / f"{rate:g}")
        validation, test = accuracies(records, "val"), accuracies(records, "test")
        print(f"        {arm:<16}lr {rate:<7g}{described(records, test)}", flush=True)
        if not best or fmean(validation) > best[0]:
            best = [fmean(validation), *test]
    clipped = "clip.magnitude=null" not in ARMS[arm]
    reached = min(best[1:]) >= TRAINS if clipped else max(best[1:]) <= FAILS
    expected = "train" if clipped else "fail"
    shown = " ".join(f"{accuracy:.4f}" for accuracy in best[1:])
    print(f"{'ok' if reached else 'MISSED':<8}{arm:<16}to {expected}: {shown}", flush=True)
    return reached


def trained(arm: str, rate: float, folder: Path) -> list[Manifest]:
    """Train the seeds of one arm at one rate and return their records."""
    command = [sys.executable, "-m", "clipbench.cli.main", "train", *SETTING, *ARMS[arm]]
    subprocess.run(
        [*command, f"optim.lr={rate:g}", f"hydra.run.dir={folder}"],
        check=False,
        capture_output=True,
    )
    records = [read_run(path.parent) for path in sorted(folder.rglob(RUN_FILE))]
    assert len(records) == SEEDS, f"{arm}: {len(records)} of {SEEDS} runs in {folder}"
    return records


def accuracies(records: list[Manifest], part: str) -> list[float]:
    """Return the accuracy of each seed; a run that diverged is no better than guessing."""
    return [record["results"].get(f"{part}/accuracy", GUESSING) for record in records]


def described(records: list[Manifest], test: list[float]) -> str:
    """Say how the seeds of one arm at one rate ended."""
    shown = " ".join(f"{accuracy:.4f}" for accuracy in test)
    zeros = [r["results"]["sparsity/mean"] for r in records if "sparsity/mean" in r["results"]]
    sparsity = f"{fmean(zeros):.4f}" if zeros else "unknown"
    causes = sorted({str(record["cause"] or record["status"]) for record in records})
    return f"test {shown}  sparsity {sparsity}  {'; '.join(causes)}"


def main() -> int:
    """Measure every arm and return 0 if all did as predicted."""
    with tempfile.TemporaryDirectory() as folder:
        reached = [measure(arm, Path(folder) / arm.replace(" ", "_")) for arm in ARMS]
    print(f"{sum(reached)} of {len(reached)} as predicted")
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
