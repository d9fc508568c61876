"""Campaign: in deep plain networks a sparsifying threshold trains only beside a magnitude clip.

Price et al. (2024) predict that at the edge of chaos a shifted ReLU or a soft threshold of high
sparsity sends the variance of deep pre-activations away, and that clipping the magnitude as well
holds it. Here: an MLP of 30 hidden layers without normalisation, thresholds fixed where 85 % of
standard normal inputs are cut off, with and without the magnitude, on digits.

Run it in the project's environment: .venv/bin/python scripts/campaign_deep_sparsity.py
Prints one line a configuration and ends with `N of M`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import NormalDist, fmean

from clipbench.records.run_dir import RUN_FILE, read_run

DEPTH, WIDTH, SEEDS, SPARSITY = 30, 300, 3, 0.85
# Ten classes: what is below twice chance has not learned, what is above 0.8 has.
FAILS, TRAINS = 0.2, 0.8
ONE_SIDED = NormalDist().inv_cdf(SPARSITY)
TWO_SIDED = NormalDist().inv_cdf((1 + SPARSITY) / 2)
SETTING = (
    "model=mlp",
    f"model.widths=[{','.join([str(WIDTH)] * DEPTH)}]",
    "model.batch_norm=false",
    "model.init=edge_of_chaos",
    "optim.lr=1e-3",
    "optim.weight_decay=0",
    "trainer.epochs=40",
    "clip.learned=false",
    f"num_seeds={SEEDS}",
)
ARMS = {
    "shifted ReLU": ("clip=crelu", f"clip.init={ONE_SIDED:.4f}", "clip.magnitude=null"),
    "crelu": ("clip=crelu", f"clip.init={ONE_SIDED:.4f}", "clip.magnitude=1.0"),
    "soft threshold": ("clip=cst", f"clip.init={TWO_SIDED:.4f}", "clip.magnitude=null"),
    "cst": ("clip=cst", f"clip.init={TWO_SIDED:.4f}", "clip.magnitude=1.0"),
}


def measure(arm: str, folder: Path) -> bool:
    """Train one arm, print it, and return whether it did as predicted."""
    command = [sys.executable, "-m", "clipbench.cli.main", "train", *SETTING, *ARMS[arm]]
    subprocess.run([*command, f"hydra.run.dir={folder}"], check=False, capture_output=True)
    records = [read_run(path.parent) for path in sorted(folder.rglob(RUN_FILE))]
    # A run that diverged has not trained; its accuracy is that of guessing.
    accuracies = [record["results"].get("test/accuracy", 0.1) for record in records]
    sparsities = [r["results"].get("sparsity/mean", float("nan")) for r in records]
    clipped = "clip.magnitude=null" not in ARMS[arm]
    reached = len(accuracies) == SEEDS and (
        min(accuracies) >= TRAINS if clipped else max(accuracies) <= FAILS
    )
    shown = " ".join(f"{accuracy:.4f}" for accuracy in accuracies)
    status = ", ".join(sorted({record["status"] for record in records}))
    print(
        f"{'ok' if reached else 'MISSED':<8}{arm:<16}to {'train' if clipped else 'fail':<7}"
        f"test {shown}  sparsity {fmean(sparsities):.4f}  {status}",
        flush=True,
    )
    return reached


def main() -> int:
    """Measure every arm and return 0 if all did as predicted."""
    with tempfile.TemporaryDirectory() as folder:
        reached = [measure(arm, Path(folder) / arm.replace(" ", "_")) for arm in ARMS]
    print(f"{sum(reached)} of {len(reached)} as predicted")
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
