"""Which option of a config group a run took, by name.

An option may set other groups too, and two may share a class; the resolved config does not hold its
name. So the typed word counts where there is one, and else the name of the module that the target
lies in; a target outside clipbench is named in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_OURS = "clipbench."


def option(config: Mapping[str, object], overrides: Iterable[str], group: str) -> str:
    """Name the choice of a config group; empty where the config has no such group.

    Args:
        config: The resolved config.
        overrides: What was typed for the run.
        group: ``clip``, ``data`` …
    """
    word = typed(overrides, group)
    return word if word is not None else target_name(config.get(group))


def typed(overrides: Iterable[str], key: str) -> str | None:
    """Return the text typed for a key, without quotes, or None; the last one counts.

    >>> typed(["clip=relu", "+optim.lr=0.1"], "optim.lr")
    '0.1'
    """
    pairs = [text.lstrip("+").partition("=") for text in overrides]
    texts = [value.strip("'\"") for name, equals, value in pairs if equals and name == key]
    return texts[-1] if texts else None


def target_name(node: object) -> str:
    """Name the target of a config node: its module within clipbench, or its whole dotted path.

    >>> target_name({"_target_": "clipbench.clips.pact.PACT", "init": 3.0})
    'pact'
    >>> target_name({"_target_": "mypkg.MyClip"})
    'mypkg.MyClip'
    """
    target = node.get("_target_") if isinstance(node, dict) else None
    if not isinstance(target, str):
        return ""
    return target.split(".")[-2] if target.startswith(_OURS) else target
