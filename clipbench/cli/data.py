"""`clipbench data`: lists the image sets, fetches them, and checks what was fetched.

Imports neither torch nor Hydra: a set says what it is without being loaded.
"""

from __future__ import annotations

import argparse
import difflib
import logging
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec

from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.cli.errors import BAD_DATA, BAD_DISK, DONE, complain
from clipbench.data import cache
from clipbench.data.sources import BuiltIn, DataError, FileSet, obtain, verify

EXAMPLES = """\
examples:
  clipbench data list
  clipbench data get mnist cifar10
  clipbench data get fashion_mnist --root /shared/datasets
  clipbench data verify
"""


def main(argv: list[str]) -> int:
    """Run ``clipbench data ...`` and return its exit code."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except OSError as error:
        complain(error)
        return BAD_DISK


def known_sets() -> dict[str, BuiltIn | FileSet]:
    """Return what is known of each set: every option of ``conf/data`` with a file of that name."""
    modules = {name: f"clipbench.data.{name}" for name in option_names(conf_dir(), "data")}
    return {
        name: import_module(module).CARD for name, module in modules.items() if find_spec(module)
    }


def _list(arguments: argparse.Namespace) -> int:
    for name, card in known_sets().items():
        print(f"{name:<15}{card.contents:<56}{_whereabouts(card, root=arguments.root)}")
    return DONE


def _whereabouts(card: BuiltIn | FileSet, *, root: str | None) -> str:
    if isinstance(card, BuiltIn):
        return card.kept
    folder = cache.folder_of(card.name, root=root)
    return f"cached in {folder}" if cache.is_present(folder) else "not cached"


def _get(arguments: argparse.Namespace) -> int:
    return _each(arguments.names, lambda card: _get_one(card, arguments))


def _get_one(card: FileSet, arguments: argparse.Namespace) -> str:
    source = obtain(card, root=arguments.root, offline=arguments.offline).source
    return f"verified, in {cache.folder_of(card.name, root=arguments.root)} (from {source})"


def _verify(arguments: argparse.Namespace) -> int:
    return _each(
        arguments.names or _cached(arguments.root),
        lambda card: f"verified (from {verify(card, root=arguments.root)})",
    )


def _cached(root: str | None) -> list[BuiltIn | FileSet]:
    sets = known_sets()
    return [sets[name] for name in sets if cache.is_present(cache.folder_of(name, root=root))]


def _each(cards: Iterable[BuiltIn | FileSet], action: Callable[[FileSet], str]) -> int:
    """Do something with each set and say the result; go on after a bad one."""
    worst = DONE
    for card in cards:
        try:
            done = card.kept if isinstance(card, BuiltIn) else action(card)
            print(f"{card.name}: {done}")
        except DataError as error:
            complain(error)
            worst = BAD_DATA
    return worst


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clipbench data",
        description="List, fetch and verify the image sets.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="list|get|verify")
    for name, run, summary in (
        ("list", _list, "show every set and whether it is here"),
        ("get", _get, "fetch sets into the cache; one that is there is verified"),
        ("verify", _verify, "digest cached sets again (all that are cached, if none is named)"),
    ):
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument("--root", help="folder of the sets (default: CLIPBENCH_DATA or cache)")
        if name != "list":
            number = "+" if name == "get" else "*"
            command.add_argument("names", nargs=number, type=_known, metavar="NAME")
        if name == "get":
            command.add_argument("--offline", action="store_true", help="ask no mirror or registry")
        command.set_defaults(run=run)
    return parser


def _known(name: str) -> BuiltIn | FileSet:
    sets = known_sets()
    if name in sets:
        return sets[name]
    near = difflib.get_close_matches(name, sets, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(sets)}"
    raise argparse.ArgumentTypeError(f"there is no data set '{name}'; {hint}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
