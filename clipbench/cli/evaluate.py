"""``clipbench eval RUN``: what a trained run does on its validation and test parts."""

from __future__ import annotations

import argparse
from pathlib import Path

from clipbench.cli.assemble import load_data, make_probes, ordered, pick_device
from clipbench.cli.errors import DONE, ConfigError, guarded
from clipbench.cli.recorded import read_recorded
from clipbench.probes.observe import observe
from clipbench.probes.thresholds import threshold_scalars
from clipbench.training.checkpoint import load_run
from clipbench.training.evaluate import evaluate

# What may differ from the run without changing the model that is evaluated.
MAY_CHANGE = ("data.root", "data.offline", "trainer.device", "trainer.batch_size", "probe", "trust")
EXAMPLES = """\
examples:
  clipbench eval outputs/runs/RUN
  clipbench eval outputs/runs/RUN trainer.device=cpu trainer.batch_size=1000
"""


def main(arguments: list[str]) -> int:
    """Run ``clipbench eval`` and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="clipbench eval",
        description="Evaluate a run's last checkpoint; nothing is written.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="a run directory")
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help=f"of {', '.join(MAY_CHANGE)}"
    )
    parsed = parser.parse_args(arguments)
    return guarded(lambda: _evaluate(parsed.run, parsed.overrides))


def _refuse_other_keys(overrides: list[str]) -> None:
    keys = [text.lstrip("+").partition("=")[0] for text in overrides]
    wrong = [key for key in keys if key not in MAY_CHANGE and not key.startswith("probe.")]
    if wrong:
        raise ConfigError([f"{key}: eval cannot change this, clipbench rerun can" for key in wrong])


def _evaluate(run: Path, overrides: list[str]) -> int:
    """Print loss and accuracy of both parts, then what the probes see on the test part."""
    _refuse_other_keys(overrides)
    config = read_recorded(run, overrides).config
    device = pick_device(config["trainer"]["device"])
    model = load_run(run, trust=config["trust"]).to(device)
    data = load_data(config).to(device)
    scalars: dict[str, float] = {}
    probes = make_probes(config)
    for part in ("val", "test"):
        with observe(model, probes):
            result = evaluate(model, ordered(data, part, config))
        scalars |= {f"{part}/loss": result.loss, f"{part}/accuracy": result.accuracy}
    for probe in probes:  # those of the last part
        scalars |= probe.compute()
    scalars |= threshold_scalars(model)
    print(f"{run} on {device}; sites measured on the test part")
    for tag, value in scalars.items():
        print(f"  {tag:<40} {value:.6g}")
    return DONE
