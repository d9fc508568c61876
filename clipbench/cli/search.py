"""``clipbench search``: tune each clip with the same budget before they are compared."""

from __future__ import annotations

import argparse

from clipbench.cli.errors import guarded
from clipbench.cli.extras import refuse_missing

DESCRIPTION = """\
Tune every clip with the same number of trials, so that none is compared untuned. Ranges and lists
are typed as for Hydra; clip=A,B is not searched over but gives each clip a study of its own.
A trial trains some seeds and counts by their mean at the last epoch, never on the test part.
Started again under its name, a search goes on where it stopped.
"""
EXAMPLES = """\
ranges:
  'optim.lr=tag(log,interval(1e-4,1e-1))'     between two ends, on a logarithmic scale
  'optim.weight_decay=interval(0,0.1)'        between two ends
  'trainer.batch_size=int(interval(32,256))'  whole numbers
  'trainer.batch_size=range(32,129,32)'       32, 64, 96, 128
  optim.threshold_lr_scale=1,10               one of a list; also of a group: optim=adamw,sgd

examples:
  clipbench search clip=learnable,prelu,relu 'optim.lr=tag(log,interval(1e-4,1e-1))' --name tuned
  clipbench search clip=pact optim.lr=0.001,0.01 optim.threshold_lr_scale=1,10 --trials 4
  clipbench search experiment=smoke 'optim.lr=tag(log,interval(1e-4,1e-1))' --trials 3 --seeds 2

exit codes: 0 done, 1 a trial failed or a clip has no value, 2 usage or configuration,
4 the home holds another search, 75 it is busy
"""


def main(arguments: list[str]) -> int:
    """Run ``clipbench search`` and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="clipbench search",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for clipbench train")
    parser.add_argument(
        "--trials", type=_count, default=10, metavar="N", help="trials of each clip (default 10)"
    )
    parser.add_argument(
        "--seeds",
        type=_count,
        default=3,
        metavar="K",
        help="tuning seeds of each trial: seed ... seed+K-1 (default 3)",
    )
    parser.add_argument("--name", help="a home under outputs/, to start again (default: by time)")
    parser.add_argument(
        "--metric",
        default="val/accuracy",
        help="val/accuracy (default) or val/loss, the mean over seeds at the last epoch",
    )
    parser.add_argument(
        "--no-pruning",
        action="store_true",
        help="train also those trials to the end that fall behind the median of the others",
    )
    parser.add_argument("--config-dir", metavar="DIR", help="a folder with options of your own")
    parsed = parser.parse_intermixed_args(arguments)
    return guarded(lambda: _search(parsed))


def _search(parsed: argparse.Namespace) -> int:
    refuse_missing("optuna", extra="search", command="clipbench search")
    # Here and not above: they bring Hydra and Optuna, which the help does without.
    from clipbench.cli.searches.drive import search
    from clipbench.cli.searches.request import Budget

    budget = Budget(
        trials=parsed.trials,
        seeds=parsed.seeds,
        metric=parsed.metric,
        pruning=not parsed.no_pruning,
    )
    return search(parsed.overrides, budget, name=parsed.name, config_dir=parsed.config_dir)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {number}")
    return number
