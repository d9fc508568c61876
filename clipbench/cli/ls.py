"""``clipbench ls``: what can be chosen, read from the files themselves.

A choice is a YAML file whose ``_target_`` names a class or function; its help is that one's
docstring. Both are read as text, so that nothing has to be imported.
"""

from __future__ import annotations

import argparse
import ast
import sys
from dataclasses import dataclass
from typing import Any

import yaml

from clipbench.cli.allowed import allowed
from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.cli.errors import USAGE
from clipbench.cli.nearest import nearest
from clipbench.cli.source import Found, arguments_of, constant, find, tree_of

GROUPS = {
    "clips": "clip",
    "grad_clips": "grad_clip",
    "regularizers": "regularizer",
    "models": "model",
    "data": "data",
    "optimizers": "optim",
    "schedules": "schedule",
    "probes": "probe",
    "experiments": "experiment",
}
_COLUMN = 30  # a longer line does not push the notes of the others to the right
_RULE = "a data rule"
EXAMPLES = """\
examples:
  clipbench ls
  clipbench ls clips
  clipbench ls clips learnable
"""


@dataclass(frozen=True)
class Choice:
    """One option of a group: its keys as the YAML file gives them, and the source it names."""

    group: str
    name: str
    comment: str
    keys: dict[str, Any]
    target: str | None


def main(arguments: list[str]) -> int:
    """Print the options of a group, or the whole help of one option; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="clipbench ls",
        description="List what can be chosen, with one line each.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", help=", ".join(GROUPS))
    parser.add_argument("name", nargs="?", help="one option: shows its whole help and its keys")
    parsed = parser.parse_args(arguments)
    if parsed.what is None:
        print("\n".join(f"{what:<14}{', '.join(_names(what))}" for what in GROUPS))
        return 0
    if parsed.what not in GROUPS:
        return _wrong(parsed.what, list(GROUPS))
    names = _names(parsed.what)
    if parsed.name is None:
        for name in names:
            print(f"{name:<22}{_summary(read_choice(GROUPS[parsed.what], name))}")
        return 0
    if parsed.name not in names:
        return _wrong(parsed.name, names)
    print(_page(read_choice(GROUPS[parsed.what], parsed.name)))
    return 0


def read_choice(group: str, name: str) -> Choice:
    """Read one option's YAML file."""
    text = (conf_dir() / group / f"{name}.yaml").read_text(encoding="utf-8")
    loaded = yaml.safe_load(text) or {}
    comments = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    comment = next((line for line in comments if not line.startswith("@package")), "")
    node = loaded.get(group, loaded.get(name, loaded))
    node = node if isinstance(node, dict) else loaded
    keys = {key: value for key, value in node.items() if key not in ("_target_", "defaults")}
    return Choice(group, name, comment, keys, node.get("_target_"))


def _names(what: str) -> list[str]:
    return option_names(conf_dir(), GROUPS[what])


def _summary(choice: Choice) -> str:
    """Return the first line of the help: the YAML file's comment, else the class's."""
    if choice.comment:
        return choice.comment
    own, module = _docstrings(choice.target)
    return (own or module or "").strip().partition("\n")[0]


def _page(choice: Choice) -> str:
    own, module = _docstrings(choice.target)
    parts = [choice.comment, module, own, _keys(choice)]
    found = _found(choice.target)
    if choice.group == "clip" and found is not None:
        parts += [_declared(found), _data_rules(found)]
    return "\n\n".join(part.strip("\n") for part in parts if part)


def _keys(choice: Choice) -> str:
    """List the keys as YAML has them, each with what it may be set to."""
    if not choice.keys:
        return ""
    found = _found(choice.target)
    arguments = {} if found is None else arguments_of(found)
    text = _RULE if choice.group == "clip" else "text"
    notes = {key: allowed(annotation, text=text) for key, annotation in arguments.items()}
    lines = {key: f"{key}: {_shown(value)}" for key, value in choice.keys.items()}
    width = max((len(line) for line in lines.values() if len(line) < _COLUMN), default=0)
    rows = [f"  {line:<{width}}  # {notes.get(key, '')}" for key, line in lines.items()]
    rows = [row.removesuffix("# ").rstrip() for row in rows]
    return "\n".join(["keys, with their defaults and what they may be set to:", *rows])


def _declared(found: Found) -> str:
    """Say what a clip declares of its thresholds; decay has no meaning where nothing is learned."""
    verdict, decay = constant(found, "verdict"), constant(found, "threshold_decay")
    lines = [f"audit verdict with these defaults: {verdict}"]
    return "\n".join(lines if verdict == "FIXED" else [f"decay of thresholds: {decay}", *lines])


def _data_rules(found: Found) -> str | None:
    """Give the page of the data rules where ``init`` may be one."""
    init = arguments_of(found).get("init")
    takes = init is not None and _RULE in allowed(init, text=_RULE)
    return ast.get_docstring(tree_of("clipbench.clips.data_rule")) if takes else None


def _docstrings(target: str | None) -> tuple[str | None, str | None]:
    """Return the docstrings of a target of ours and of its module, without importing them."""
    found = _found(target)
    if found is None or not isinstance(found.node, ast.ClassDef | ast.FunctionDef):
        return None, None
    return ast.get_docstring(found.node), ast.get_docstring(tree_of(found.module))


def _found(target: str | None) -> Found | None:
    module, _, name = (target or "").rpartition(".")
    return find(module, name)


def _shown(value: Any) -> str:  # noqa: ANN401
    text: str = yaml.safe_dump(value, default_flow_style=True).strip()
    return text.removesuffix("\n...").strip()


def _wrong(word: str, choices: list[str]) -> int:
    print(f"clipbench: there is no '{word}'; {nearest(word, choices)}", file=sys.stderr)
    return USAGE
