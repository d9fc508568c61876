"""Which runs a report is about: conditions such as ``clip=relu,pact``, ``model!=mlp``, ``seed<5``.

A key is that of a group (``clip``, ``data``, ``optim`` …: its option), ``status``, ``seed``, or any
dotted key of the resolved config. A run that cannot be read meets every condition: nothing is known
of it, and it must not disappear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clipbench.analysis.load import UNREADABLE, Run
from clipbench.records.json_text import canonical

_CONDITION = re.compile(r"([^=!<>]+?)\s*(!=|<=|>=|=|<|>)\s*(.*)", re.DOTALL)
_COMMA = re.compile(r",(?![^\[{]*[\]}])")  # one inside a list does not part two values
_TESTS = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True)
class Condition:
    """One condition: a key, a sign and the values it is held against."""

    key: str
    sign: str
    values: Sequence[str]

    def holds(self, run: Run) -> bool:
        """Tell whether a run meets it; ``=`` takes any of the values, ``!=`` none of them."""
        if run.status == UNREADABLE:
            return True
        value = value_of(run, self.key)
        if self.sign in _TESTS:
            number, limit = _number(value), _number(self.values[0])
            return number is not None and limit is not None and _TESTS[self.sign](number, limit)
        same = value is not None and any(_same(value, wanted) for wanted in self.values)
        return same == (self.sign == "=")


def parse(text: str) -> Condition:
    """Read a condition.

    Raises:
        ValueError: It has no sign, or ``<`` and ``>`` are given no single number.
    """
    found = _CONDITION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text}' is no condition; write KEY=VALUE, KEY!=VALUE or KEY<NUMBER")
    key, sign, rest = found.groups()
    values = [value.strip().strip("'\"") for value in _COMMA.split(rest)]
    if sign in _TESTS and (len(values) != 1 or _number(values[0]) is None):
        raise ValueError(f"'{text}': {sign} compares with one number")
    return Condition(key, sign, values)


def value_of(run: Run, key: str) -> str | None:
    """Give the value of a key as text: an option's name, a word, or JSON; None without it."""
    if key == "status":
        return run.status
    node: Any = run.config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    if isinstance(node, dict):
        return run.option(key) or None
    if node is None:
        return run.typed(key)
    return node if isinstance(node, str) else canonical(node)


def known_keys(runs: Iterable[Run]) -> list[str]:
    """Name every key that some run has a value for, without the targets, sorted."""
    typed = {text.lstrip("+").partition("=")[0] for run in runs for text in run.overrides}
    dotted = {key for run in runs for key in _dotted(run.config)}
    return sorted({"status"} | typed | dotted)


def _dotted(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in node.items():
        if key == "_target_":
            continue
        yield prefix + key
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{key}.")


def _same(value: str, wanted: str) -> bool:
    if value == wanted or re.sub(r"\s", "", value) == re.sub(r"\s", "", wanted):
        return True
    number = _number(value)
    return number is not None and number == _number(wanted)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
