"""Tab completion through the subcommand.

Hydra's shell function calls ``clipbench --shell-completion query=bash`` with the line typed so far
in the environment. The first word is ours to complete; behind ``train`` and ``bench`` the word is
cut out and Hydra answers as if it had been called itself; the flags are ours again, because it
offers none, and so are the parts of a bench.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr, suppress

from clipbench.cli.main import COMMANDS

PROGRAM = "clipbench"


def main(arguments: list[str]) -> int:
    """Answer a query of the shell, or install and uninstall the completion."""
    line = os.environ.get("COMP_LINE", "")
    words = line.split()
    asked = any(argument.startswith("query=") for argument in arguments)
    if asked and (len(words) < 2 or (len(words) == 2 and not line.endswith(" "))):
        typed = words[1] if len(words) == 2 else ""
        print("\n".join(name for name in COMMANDS if name.startswith(typed)))
        return 0
    if asked and words[1] not in ("train", "bench"):
        return 0
    if not asked:
        return _through_hydra(arguments)
    typed = line.rpartition(" ")[2]
    flags, parts = _own_words(words[1])
    own = flags if typed.startswith("-") else parts
    print("\n".join(word for word in own if word.startswith(typed)))
    if typed.startswith("-"):
        return 0
    shortened = _without(line, [words[1], *parts])
    os.environ["COMP_LINE"] = shortened
    os.environ["COMP_POINT"] = str(len(shortened))
    # A line that is not finished may be one that Hydra refuses; then there is nothing to offer.
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere), suppress(SystemExit):
        _through_hydra(arguments)
    return 0


def _own_words(command: str) -> tuple[Iterable[str], Iterable[str]]:
    """Return the flags and the plain words of a command."""
    if command == "bench":
        from clipbench.cli.bench import FLAGS, PARTS

        return FLAGS, PARTS
    from clipbench.cli import flags

    return flags.FLAGS, ()


def _without(line: str, words: Iterable[str]) -> str:
    """Cut whole words out of a line; the last one is still being typed and stays."""
    *whole, typed = line.split(" ")
    gone = set(words)
    return " ".join([*(word for word in whole if word not in gone), typed])


def _through_hydra(arguments: list[str]) -> int:
    """Let Hydra answer under the program's own name, to which its shell function is bound."""
    from clipbench.cli.through_hydra import hydra_main

    before = sys.argv
    sys.argv = [PROGRAM, "--shell-completion", *arguments]
    try:
        hydra_main()
    finally:
        sys.argv = before
    return 0
