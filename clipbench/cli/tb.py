"""``clipbench tb``: TensorBoard, opened on the curves that answer the question.

Imports neither torch nor Hydra; what is TensorBoard's is imported only where it is started.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from clipbench.cli.errors import BAD_RUN, DONE, guarded

EXAMPLES = """\
examples:
  clipbench tb
  clipbench tb outputs/my_study
  clipbench tb outputs/a outputs/b --port 7007 --no-browser
  clipbench tb --rebuild outputs/my_study

The link pins accuracy, sparsity and thresholds on top, and gives all seeds of a configuration one
color. Means over seeds are written into SWEEP/_summary and kept up to date for a sweep in progress;
turn on 'Reload data' in TensorBoard's settings to see the page follow it.
"""


def main(arguments: list[str]) -> int:
    """Run ``clipbench tb`` and return its exit code."""
    parsed = _parser().parse_args(arguments)
    if parsed.rebuild is not None:
        return guarded(lambda: _rebuild(parsed.rebuild))
    paths = parsed.paths or [Path("outputs")]
    return guarded(lambda: _show(paths, port=parsed.port, browser=parsed.browser))


def _show(paths: Sequence[Path], *, port: int | None, browser: bool) -> int:
    from clipbench.cli.dashboard import show_dashboard

    return show_dashboard(paths, port=port, browser=browser)


def _rebuild(path: Path) -> int:
    """Make the event files of all runs at or below a path anew, and the means over their seeds."""
    from clipbench.analysis.escape import plain
    from clipbench.analysis.summary_runs import write_summaries
    from clipbench.records.rebuild import rebuild_all

    result = rebuild_all(path)
    means = write_summaries(path)
    told = [f"left alone, it is being written: {run}" for run in result.left]
    told += [f"damaged lines left out: {many} in {run}" for run, many in result.damaged.items()]
    told += [f"not made: {run} ({why})" for run, why in result.refused.items()]
    for line in told:
        print(plain(line), file=sys.stderr)
    print(f"made the event files of {len(result.made)} runs and {len(means)} means anew in {path}")
    return BAD_RUN if result.refused else DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clipbench tb",
        description="Show runs in TensorBoard, on this machine only, until Ctrl-C.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="a run, a sweep, or a folder of them (default: outputs)",
    )
    parser.add_argument(
        "--port", type=_port, metavar="N", help="port to serve at (default: a free one from 6006)"
    )
    parser.add_argument(
        "--no-browser", action="store_false", dest="browser", help="print the link, do not open it"
    )
    parser.add_argument(
        "--rebuild",
        type=Path,
        metavar="PATH",
        help="make the event files of all runs at or below PATH anew from their journals, and end",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not '{text}'")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
