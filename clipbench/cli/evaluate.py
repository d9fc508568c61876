"""``clipbench eval RUN``: what a trained run does on its validation and test parts."""

from __future__ import annotations

import argparse
from pathlib import Path

from clipbench.cli.errors import guarded

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
        "overrides",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help=f"of {', '.join(MAY_CHANGE)}",
    )
    parsed = parser.parse_args(arguments)
    return guarded(lambda: _evaluate(parsed.run, parsed.overrides))


def _evaluate(run: Path, overrides: list[str]) -> int:
    # Here and not above: it brings torch, which the help does without.
    from clipbench.cli.evaluation import evaluate_run

    return evaluate_run(run, overrides, may_change=MAY_CHANGE)
