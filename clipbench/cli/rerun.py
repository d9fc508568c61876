"""``clipbench rerun RUN``: repeat a run from its ``run.json``, with overrides if wanted."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from clipbench.cli.errors import guarded
from clipbench.cli.garbage import start_up

EXAMPLES = """\
examples:
  clipbench rerun outputs/runs/RUN
  clipbench rerun outputs/runs/RUN seed=1
  clipbench rerun outputs/runs/RUN clip=prelu trainer.epochs=5
"""


def main(arguments: list[str]) -> int:
    """Run ``clipbench rerun`` and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="clipbench rerun",
        description="Repeat a run from its run.json; overrides change just what they name.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="a run directory")
    parser.add_argument(
        "overrides", nargs="*", default=[], metavar="KEY=VALUE", help="as for clipbench train"
    )
    parsed = parser.parse_args(arguments)
    with start_up():
        return guarded(lambda: _rerun(parsed.run, parsed.overrides))


def _rerun(run: Path, overrides: list[str]) -> int:
    # Here and not above: they bring torch, which the help does without.
    from clipbench.cli.folders import single_run_folder
    from clipbench.cli.job import run_job
    from clipbench.cli.recorded import read_recorded
    from clipbench.cli.summary import show_run

    recorded = read_recorded(run, overrides)
    if recorded.run_dir is not None:
        folder = recorded.run_dir
    else:
        folder = single_run_folder(recorded.config, recorded.typed)
    show = partial(show_run, trust=recorded.config["trust"])
    return run_job(recorded.config, folder=folder, overrides=recorded.typed, show=show)
