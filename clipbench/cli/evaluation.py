"""What a trained run does on its validation and test parts, printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipbench.cli.assemble import load_data, make_probes, ordered, pick_device
from clipbench.cli.errors import DONE, ConfigError
from clipbench.cli.recorded import read_recorded
from clipbench.probes.observe import observe
from clipbench.probes.thresholds import threshold_scalars
from clipbench.training.checkpoint import load_run
from clipbench.training.evaluate import evaluate


def evaluate_run(run: Path, overrides: Sequence[str], *, may_change: Sequence[str]) -> int:
    """Print loss and accuracy of both parts, then what the probes see on the test part."""
    _refuse_other_keys(overrides, may_change)
    config = read_recorded(run, overrides).config
    device = pick_device(config["trainer"]["device"])
    precision = config["trainer"]["precision"]
    model = load_run(run, trust=config["trust"]).to(device)
    data = load_data(config).to(device)
    scalars: dict[str, float] = {}
    probes = make_probes(config)
    for part in ("val", "test"):
        with observe(model, probes):
            result = evaluate(model, ordered(data, part, config), precision=precision)
        scalars |= {f"{part}/loss": result.loss, f"{part}/accuracy": result.accuracy}
    for probe in probes:  # those of the last part
        scalars |= probe.compute()
    scalars |= threshold_scalars(model)
    print(f"{run} on {device}; sites measured on the test part")
    for tag, value in scalars.items():
        print(f"  {tag:<40} {value:.6g}")
    return DONE


def _refuse_other_keys(overrides: Sequence[str], may_change: Sequence[str]) -> None:
    keys = [text.lstrip("+").partition("=")[0] for text in overrides]
    wrong = [key for key in keys if key not in may_change and not key.startswith("probe.")]
    if wrong:
        raise ConfigError([f"{key}: eval cannot change this, clipbench rerun can" for key in wrong])
