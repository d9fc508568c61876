"""``clipbench ls``: what can be chosen, read from the files themselves.

A choice is a YAML file whose ``_target_`` names a class or function; its help is that one's
docstring. Both are read as text, so that nothing has to be imported.
"""

from __future__ import annotations

import argparse
import ast
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.cli.errors import USAGE
from clipbench.cli.nearest import nearest

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
EXAMPLES = """\
examples:
  clipbench ls
  clipbench ls clips
  clipbench ls clips learnable
"""


@dataclass(frozen=True)
class Choice:
    """One option of a group: its keys as the YAML file gives them, and the source it names."""

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
    return Choice(name, comment, keys, node.get("_target_"))


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
    parts = [choice.comment, module, own]
    keys = "\n".join(f"  {key}: {_shown(value)}" for key, value in choice.keys.items())
    if keys:
        parts.append(f"keys, with their defaults:\n{keys}")
    return "\n\n".join(part.strip("\n") for part in parts if part)


def _docstrings(target: str | None) -> tuple[str | None, str | None]:
    """Return the docstrings of a target of ours and of its module, without importing them."""
    if target is None or not target.startswith("clipbench."):
        return None, None
    module, _, name = target.rpartition(".")
    path = Path(__file__).resolve().parent.parent.parent / Path(*module.split("."))
    tree = ast.parse(path.with_suffix(".py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return ast.get_docstring(node), ast.get_docstring(tree)
    return None, ast.get_docstring(tree)


def _shown(value: Any) -> str:  # noqa: ANN401
    text: str = yaml.safe_dump(value, default_flow_style=True).strip()
    return text.removesuffix("\n...").strip()


def _wrong(word: str, choices: list[str]) -> int:
    print(f"clipbench: there is no '{word}'; {nearest(word, choices)}", file=sys.stderr)
    return USAGE
