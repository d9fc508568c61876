"""Finds the command and hands over to it; imports neither torch nor Hydra to do so."""

from __future__ import annotations

import difflib
import logging
import sys
from collections.abc import Callable
from importlib import import_module

from clipbench.cli.errors import INTERRUPTED, guarded
from clipbench.cli.garbage import end_at_once

COMMANDS = {
    "train": "train a network under a clip; takes Hydra overrides, -m for a sweep",
    "search": "tune every clip with one budget: ranges, pruning, a study that resumes",
    "eval": "evaluate a finished run on its validation and test parts",
    "rerun": "repeat a run from its run.json, with overrides if wanted",
    "audit": "tell whether thresholds can learn: of all clips, one, your own, or a run",
    "bench": "measure speed: clips, the training step, seeds, start-up, data",
    "report": "compare runs over seeds: a table, a page, or data for other programs",
    "tb": "show runs in TensorBoard, opened on the curves that answer",
    "data": "list, get or verify the data sets",
    "ls": "list clips, models, data sets, experiments and all other choices",
    "doctor": "show versions, devices, threads and the data sets present",
}
MODULES = {"eval": "evaluate"}

USAGE = """\
usage: clipbench COMMAND [ARGUMENTS]

commands:
{commands}

examples:
  clipbench train model=cnn clip=learnable
  clipbench train -m clip=learnable,prelu,relu seed=0,1,2
  clipbench ls clips
  clipbench COMMAND --help

tab completion (bash): eval "$(clipbench --shell-completion install=bash)"
"""


def usage() -> str:
    """Return the text shown for a bare ``clipbench`` and for ``--help``."""
    lines = (f"  {name:<8}{summary}" for name, summary in COMMANDS.items())
    return USAGE.format(commands="\n".join(lines))


def unknown_command(word: str) -> str:
    """Return the answer to a word that is no command, with the nearest right thing to type."""
    if "=" in word:
        return f"clipbench: '{word}' is an override; did you mean 'clipbench train {word}'?"
    near = difflib.get_close_matches(word, COMMANDS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(COMMANDS)}."
    return f"clipbench: unknown command '{word}'; {hint}"


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code (the codes stand in the README)."""
    if argv is None:
        end_at_once()
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage(), end="")
        return 0
    word, rest = arguments[0], arguments[1:]
    if word == "--version":
        from importlib.metadata import version

        print(f"clipbench {version('clipbench')}")
        return 0
    if word in ("-sc", "--shell-completion"):
        module = "completion"
    elif word in COMMANDS:
        module = MODULES.get(word, word)
    else:
        print(unknown_command(word), file=sys.stderr)
        return 2
    # A log that finds no room must not answer each line with a traceback; the console has it, too.
    logging.raiseExceptions = False
    try:
        return guarded(lambda: _run(module, rest))
    except KeyboardInterrupt:  # a run that trains has its own way to stop
        print("clipbench: stopped", file=sys.stderr)
        return INTERRUPTED


def _run(module: str, arguments: list[str]) -> int:
    run: Callable[[list[str]], int] = import_module(f"clipbench.cli.{module}").main
    code = run(arguments)
    sys.stdout.flush()  # while whoever reads it may still have gone
    return code


if __name__ == "__main__":
    sys.exit(main())
