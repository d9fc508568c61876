"""Turns a configuration node ``{_target_: dotted.path, key: value}`` into the object it names.

The dotted path is the registry: a class or function is found where its path says, so adding one
needs no list. What may be named is narrow on purpose, because a configuration can come from a
stranger's run directory: only a public class or function, in the module that defines it, in a room
of ``clipbench`` that holds parts of a run, or under a package that the user trusts by name. So no
name leads to what fetches, reads or writes files, nor to a command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

OWN_PACKAGE = "clipbench"
ROOMS = ("clips", "grad_clips", "regularizers", "models", "data", "optim", "probes")
PARTS_OF_DATA = ("load", "Augment")
"""The only names of the room of data: beside its sets lies what fetches and stores their files."""


def resolve(
    target: str, *, room: str | None = None, trust: Sequence[str] = ()
) -> Callable[..., Any]:
    """Return the class or function that a dotted path names.

    Args:
        target: The path.
        room: Of ours, where it must lie; None for any that holds parts of a run.
        trust: Packages besides clipbench that it may lie in.

    Raises:
        ValueError: The path lies outside the room and the trusted packages, cannot be imported, or
            names something that its module merely imported.
    """
    module_name, _, name = target.rpartition(".")
    package = target.partition(".")[0]
    if package != OWN_PACKAGE and package not in trust:
        raise ValueError(
            f"'{target}' lies outside clipbench; name its package in trust=[{package}]"
        )
    if package == OWN_PACKAGE:
        _refuse_other_rooms(target, ROOMS if room is None else (room,))
    try:
        found = getattr(import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        hint = "; PYTHONPATH=. finds what lies in this folder" if package != OWN_PACKAGE else ""
        raise ValueError(f"'{target}' cannot be imported: {error}{hint}") from error
    if name.startswith("_") or getattr(found, "__module__", None) != module_name:
        raise ValueError(f"'{target}' is not a public class or function of {module_name}")
    return found


def _refuse_other_rooms(target: str, rooms: Sequence[str]) -> None:
    name, rest = target.rpartition(".")[2], target.removeprefix(f"{OWN_PACKAGE}.")
    if rest.partition(".")[0] not in rooms:
        raise ValueError(f"'{target}' is not in {' or '.join(f'clipbench.{r}' for r in rooms)}")
    if rest.startswith("data.") and name not in PARTS_OF_DATA:
        raise ValueError(f"'{target}' is no data set and no augmentation")


def build(
    node: Mapping[str, Any],
    *,
    room: str | None = None,
    trust: Sequence[str] = (),
    **supplied: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Call the node's target with the node's keys and what code supplies; nested nodes first.

    All of them must lie in the room, as for `resolve`. A node with ``_partial_: true`` gives the
    callable with its arguments bound, not its result.
    """
    factory = deferred(node, room=room, trust=trust)
    return partial(factory, **supplied) if node.get("_partial_") else factory(**supplied)


def deferred(
    node: Mapping[str, Any], *, room: str | None = None, trust: Sequence[str] = ()
) -> Callable[..., Any]:
    """Return the node's target with the node's keys bound, to be called when the rest is known.

    Each call builds nested nodes anew, so that two objects never share a part.
    """
    target = resolve(node["_target_"], room=room, trust=trust)

    def make(*args: Any, **supplied: Any) -> Any:  # noqa: ANN401
        own = {key: _value(value, room, trust) for key, value in node.items() if key[:1] != "_"}
        return target(*args, **own, **supplied)

    make.__name__ = make.__qualname__ = node["_target_"]  # what an error or a repr calls it
    return make


def _value(value: Any, room: str | None, trust: Sequence[str]) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        if "_target_" in value:
            return build(value, room=room, trust=trust)
        return {key: _value(inner, room, trust) for key, inner in value.items()}
    if isinstance(value, list):
        return [_value(inner, room, trust) for inner in value]
    return value
