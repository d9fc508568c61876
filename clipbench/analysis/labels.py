"""Short names for configurations: what distinguishes each from the others in a set of runs.

``relu`` and ``learnable`` where only the clip differs, ``learnable, optim.lr=0.1`` where a typed
key differs too. Whether a key differs is asked of the resolved configs, not of the typed text:
``1e-3`` is ``0.001``, and a default that was typed once stays a default.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clipbench.analysis.load import Run
from clipbench.records.config_hash import changed_keys
from clipbench.records.json_text import canonical

_ALWAYS = ("clip", "data", "model")
_MOST_KEYS = 3
_DIGITS = 8

Groups = Mapping[str, Sequence[Run]]


def by_group(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Gather the runs of each configuration, in their order; unreadable ones belong to none."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        if run.seed is not None:
            groups.setdefault(run.group, []).append(run)
    return groups


def option_of(members: Sequence[Run], group: str) -> str:
    """Name the choice of a config group for the runs of one configuration.

    What was typed for any of them counts for all: a rerun types only what it changes.
    """
    typed = [run for run in members if run.typed(group) is not None]
    return (typed or members)[0].option(group)


def labels(runs: Iterable[Run], *, apart: Sequence[str] = ()) -> dict[str, str]:
    """Name each configuration by what differs within the set, the seed excluded.

    Args:
        runs: The set; unreadable runs are passed over.
        apart: Config groups that are shown beside the label, such as ``data``: their choice is left
            out, and labels say what differs, and are unique, only within each choice.

    Returns:
        Group hash -> label. The clip stands by its name alone, other keys as ``key=value``, and
        only where they were typed: beside ``relu, optim.lr=0.1`` plain ``relu`` has the default.
        Configurations that no typed key tells apart show the keys that do, up to three, else the
        beginning of their hash.
    """
    places: dict[tuple[str, ...], dict[str, Sequence[Run]]] = {}
    for group, members in by_group(runs).items():
        place = tuple(option_of(members, key) for key in apart)
        places.setdefault(place, {})[group] = members
    named: dict[str, str] = {}
    for groups in places.values():
        named |= _labels_within(groups, apart)
    return named


def _labels_within(groups: Groups, apart: Sequence[str]) -> dict[str, str]:
    keys = [key for key in _shown_keys(groups) if key not in apart]
    named = {group: _label(members, keys) for group, members in groups.items()}
    shared = Counter(named.values())
    for label in [label for label, count in shared.items() if count > 1]:
        alike = {group: groups[group] for group in groups if named[group] == label}
        named |= {group: f"{label}, {rest}" for group, rest in _told_apart(alike).items()}
    return named


def _label(members: Sequence[Run], keys: Sequence[str]) -> str:
    parts = []
    for key in keys:
        value = _value(members, key)
        if value is not None and (key in _ALWAYS or _is_typed(members, key)):
            parts.append(value if key == "clip" else f"{key}={value}")
    return ", ".join(parts) or option_of(members, "clip")


def _is_typed(members: Sequence[Run], key: str) -> bool:
    return any(run.typed(key) is not None for run in members)


def _shown_keys(groups: Groups) -> list[str]:
    """Return the typed keys, and the main groups, whose values differ and may change a result."""
    typed = [
        text.lstrip("+").partition("=")[0]
        for members in groups.values()
        for run in members
        for text in run.overrides
    ]
    differing = _differing(groups)
    return [
        key
        for key in dict.fromkeys([*_ALWAYS, *typed])
        if (key == "experiment" or any(f"{other}.".startswith(f"{key}.") for other in differing))
        and len({_value(members, key) for members in groups.values()}) > 1
    ]


def _differing(groups: Groups) -> list[str]:
    configs = [members[0].config for members in groups.values()]
    return sorted(
        {key for config in configs for key in changed_keys(configs[0], config)} - {"seed"}
    )


def _told_apart(groups: Groups) -> dict[str, str]:
    differing = _differing(groups)
    targets = [key.removesuffix("._target_") for key in differing if key.endswith("._target_")]
    # Another target brings other keys with it; its name says enough.
    keys = targets + [
        key for key in differing if not key.startswith(tuple(f"{t}." for t in targets))
    ]
    if not 0 < len(keys) <= _MOST_KEYS:
        return {group: group[:_DIGITS] for group in groups}
    return {
        group: ", ".join(f"{key}={_value(members, key)}" for key in keys)
        for group, members in groups.items()
    }


def _value(members: Sequence[Run], key: str) -> str | None:
    """Return the value of a key as text: an option's name, a word, or JSON; None without it."""
    node: Any = members[0].config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    if node is None or isinstance(node, dict):
        return option_of(members, key) or None
    return node if isinstance(node, str) else canonical(node)
