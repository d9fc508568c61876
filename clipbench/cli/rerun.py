"""``clipbench rerun RUN``: repeat a run from its ``run.json``, with overrides if wanted."""

from __future__ import annotations

import argparse
from pathlib import Path

from clipbench.cli.errors import complain, exit_code
from clipbench.cli.folders import single_run_folder
from clipbench.cli.job import run_job
from clipbench.cli.recorded import read_recorded

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
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for clipbench train")
    parsed = parser.parse_args(arguments)
    try:
        recorded = read_recorded(parsed.run, parsed.overrides)
        if recorded.run_dir is not None:
            folder = Path(recorded.run_dir)
        else:
            folder = single_run_folder(recorded.config, recorded.typed)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        complain(error)
        return code
    return run_job(recorded.config, folder=folder, overrides=recorded.typed)
