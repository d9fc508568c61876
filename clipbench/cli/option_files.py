"""Files of options from a folder that the command line names: none may grow beyond measure.

An alias of YAML repeats what it names, so that 300 bytes can stand for gigabytes. What a file comes
to is counted from its events, before anything is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event, ScalarEvent

from clipbench.cli.errors import ConfigError

MOST_NODES = 10_000
MOST_BYTES = 2**20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FOLDER = re.compile(r"(?:file://)?(/?[^\[\],:'\"]+)")


def refuse_bombs(folder: Path) -> None:
    """Make sure that every file of options in a folder is of a size.

    Raises:
        ConfigError: One is larger than a mebibyte, or has more than 10,000 nodes.
    """
    for file in sorted(folder.rglob("*.yaml")):
        if file.is_file() and _is_bomb(file):
            raise ConfigError(
                [f"{file}: has more than {MOST_NODES} nodes, counting what aliases repeat"]
            )


def searched(overrides: Sequence[str]) -> Iterator[Path]:
    """Give the folders that ``hydra.searchpath`` names."""
    for text in overrides:
        key, _, value = text.partition("=")
        if key == "hydra.searchpath":
            yield from (Path(name) for name in _FOLDER.findall(value) if Path(name).is_dir())


def _is_bomb(file: Path) -> bool:
    if file.stat().st_size > MOST_BYTES:
        return True
    try:
        return nodes(file.read_bytes(), most=MOST_NODES) > MOST_NODES
    except yaml.YAMLError:
        return False  # Hydra says where it cannot be read


def nodes(text: bytes, *, most: int) -> int:
    r"""Count the nodes of a YAML text, each alias as what it repeats; stop beyond ``most``.

    >>> nodes(b"a: &a [1, 2]\nb: [*a, *a]", most=100)
    13
    """
    sizes: dict[str, int] = {}
    open_ones: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, CollectionEndEvent):
            anchor, before = open_ones.pop()
            sizes |= {anchor: total - before} if anchor is not None else {}
            continue
        if isinstance(event, CollectionStartEvent):
            open_ones.append((event.anchor, total))
        total += _size(event, sizes)
        if total > most:
            break
    return total


def _size(event: Event, sizes: dict[str, int]) -> int:
    if isinstance(event, AliasEvent):
        return sizes.get(event.anchor, 1)
    if isinstance(event, ScalarEvent) and event.anchor is not None:
        sizes[event.anchor] = 1
    return int(isinstance(event, ScalarEvent | CollectionStartEvent))
