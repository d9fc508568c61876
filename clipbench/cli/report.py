"""``clipbench report``: what a set of runs says, as a table, a page, or data for other programs."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from clipbench.cli.errors import guarded

if TYPE_CHECKING:
    from clipbench.analysis.lost import Lost

FORMATS = ("table", "json", "csv", "markdown", "latex", "html")
EXAMPLES = """\
examples:
  clipbench report outputs/my_study
  clipbench report outputs/my_study --format html
  clipbench report outputs/my_study --guide
  clipbench report outputs/a outputs/b --where clip=relu,learnable --where 'seed<5'
  clipbench report outputs/my_study --reference prelu --columns runs,mean,optim.lr --sort -mean
  clipbench report outputs/my_study --metric val/loss --format csv --output losses.csv

columns: any of runs, mean, difference, p, holm_p, sign_flip_p, superiority, detectable, mcnemar_p,
sparsity, verdict; any tag of the results (seconds/total); any key of the configuration (optim.lr).
With --guide: beyond, peak, learned, movement, spread, diverged, spikes, sparsity, mean, time,
parameters.

The verdict is the paired t-test on shared seeds with Holm's correction. Runs that failed, diverged,
were interrupted or cannot be read lower n and are named beneath the table, each with its cause.
"""


def main(arguments: list[str]) -> int:
    """Run ``clipbench report`` and return its exit code."""
    parsed = _parser().parse_args(_joined(arguments))
    return guarded(lambda: _report(parsed))


def print_comparison(paths: Sequence[Path], *, unstarted: Sequence[Lost] = ()) -> None:
    """Print the table of all runs below some folders, then every run that gave no number.

    Made for the end of a sweep: nothing is asked of the runs, not even that there is one.

    Args:
        paths: Folders that exist.
        unstarted: Jobs that were planned and never began; they count in the totals.
    """
    from clipbench.cli.report_text import comparison_text

    print(comparison_text(paths, unstarted=unstarted), end="")


def _report(parsed: argparse.Namespace) -> int:
    # Here and not above: it brings numpy and scipy, which the help does without.
    from clipbench.cli.reporting import report

    with _without_collector():
        return report(parsed)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Look for no cycles meanwhile: a report makes millions of small objects and hardly one."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clipbench report",
        description="Compare configurations over seeds, from the records of their runs alone.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="a run, or a folder of runs")
    add("--format", choices=FORMATS, default="table", help="default: table")
    add("--output", type=Path, metavar="FILE", help="default: html to PATH/report.html, else shown")
    add("--guide", action="store_true", help="control, flexibility, stability, cost of each choice")
    add("--columns", metavar="A,B,...", help="which columns, in this order; see below")
    add("--sort", metavar="COLUMN", help="order of the rows; -COLUMN for the largest first")
    add(
        "--where",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="only runs with this value, or one of several (a,b); also !=, <, >, <=, >=; the key "
        "is clip, data, model, status or any key of the configuration; may be given again",
    )
    add("--reference", metavar="NAME", help="compare with this configuration; default: relu")
    add("--metric", metavar="TAG", default="test/accuracy", help="default: test/accuracy")
    add(
        "--settle",
        type=float,
        metavar="NUMBER",
        help="how many seeds would settle this difference, in the unit shown (accuracy: points)",
    )
    add(
        "--within",
        default="data,model",
        metavar="GROUPS",
        help="compare only runs of the same data,model (the default), data or model",
    )
    return parser


def _joined(arguments: Sequence[str]) -> list[str]:
    """Join ``--sort -mean`` to one word: argparse would take the second for an option."""
    words: list[str] = []
    for word in arguments:
        if words and words[-1] == "--sort" and word.startswith("-"):
            words[-1] = f"--sort={word}"
        else:
            words.append(word)
    return words


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
