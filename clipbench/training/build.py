"""Turns a configuration node ``{_target_: dotted.path, key: value}`` into the object it names.

The dotted path is the registry: a class or function is found where its path says, so adding one
needs no list. What may be named is narrow on purpose, because a configuration can come from a
stranger's run directory: only a public class or function, in the module that defines it, under
``clipbench`` or a package that the user trusts by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

OWN_PACKAGE = "clipbench"


def resolve(target: str, *, trust: Sequence[str] = ()) -> Callable[..., Any]:
    """Return the class or function that a dotted path names.

    Raises:
        ValueError: The path lies outside ``clipbench`` and the trusted packages, cannot be
            imported, or names something that its module merely imported.
    """
    module_name, _, name = target.rpartition(".")
    package = target.partition(".")[0]
    if package != OWN_PACKAGE and package not in trust:
        raise ValueError(
            f"'{target}' lies outside clipbench; name its package in trust=[{package}]"
        )
    try:
        found = getattr(import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        hint = "; PYTHONPATH=. finds what lies in this folder" if package != OWN_PACKAGE else ""
        raise ValueError(f"'{target}' cannot be imported: {error}{hint}") from error
    if name.startswith("_") or getattr(found, "__module__", None) != module_name:
        raise ValueError(f"'{target}' is not a public class or function of {module_name}")
    return found


def build(node: Mapping[str, Any], *, trust: Sequence[str] = (), **supplied: Any) -> Any:  # noqa: ANN401
    """Call the node's target with the node's keys and what code supplies; nested nodes first.

    A node with ``_partial_: true`` gives the callable with its arguments bound, not its result.
    """
    factory = deferred(node, trust=trust)
    return partial(factory, **supplied) if node.get("_partial_") else factory(**supplied)


def deferred(node: Mapping[str, Any], *, trust: Sequence[str] = ()) -> Callable[..., Any]:
    """Return the node's target with the node's keys bound, to be called when the rest is known.

    Each call builds nested nodes anew, so that two objects never share a part.
    """
    target = resolve(node["_target_"], trust=trust)

    def make(*args: Any, **supplied: Any) -> Any:  # noqa: ANN401
        own = {key: _value(value, trust) for key, value in node.items() if key[:1] != "_"}
        return target(*args, **own, **supplied)

    make.__name__ = make.__qualname__ = node["_target_"]  # what an error or a repr calls it
    return make


def _value(value: Any, trust: Sequence[str]) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        if "_target_" in value:
            return build(value, trust=trust)
        return {key: _value(inner, trust) for key, inner in value.items()}
    if isinstance(value, list):
        return [_value(inner, trust) for inner in value]
    return value
