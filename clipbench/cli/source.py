"""Our own source, read as text: where a name is defined, what a class inherits and what it takes.

Importing a clip imports torch, which takes longer than reading the help does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_OWN = "clipbench."
_ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Found:
    """A definition.

    Attributes:
        module: the module it stands in, whose names its annotations use.
        node: a class, a function, or what is assigned to the name.
    """

    module: str
    node: ast.ClassDef | ast.FunctionDef | ast.expr


@cache
def tree_of(module: str) -> ast.Module:
    """Parse one of our modules."""
    path = (_ROOT / Path(*module.split("."))).with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def find(module: str, name: str) -> Found | None:
    """Find what ``name`` stands for in ``module``; None where that is not in our own source."""
    if not module.startswith(_OWN):
        return None
    for node in tree_of(module).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return Found(module, node)
        if isinstance(node, ast.Assign) and _is(node.targets[0], name):
            return Found(module, node.value)
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return find(node.module or "", name)
    return None


def lineage(found: Found) -> list[Found]:
    """Give a class and what it inherits from by its first bases, itself first."""
    line = [found]
    while isinstance(line[-1].node, ast.ClassDef) and line[-1].node.bases:
        base = line[-1].node.bases[0]
        parent = find(line[-1].module, base.id) if isinstance(base, ast.Name) else None
        if parent is None:
            break
        line.append(parent)
    return line


def arguments_of(found: Found) -> dict[str, Found]:
    """Give the annotation of each argument by name.

    Those of a function; of a class, those of the constructor it has or inherits, else its fields.
    """
    for owner in lineage(found):
        function = _constructor(owner.node)
        if function is not None:
            arguments = [*function.args.args, *function.args.kwonlyargs]
            return {a.arg: Found(owner.module, a.annotation) for a in arguments if a.annotation}
    fields = [(owner.module, *pair) for owner in lineage(found) for pair in _fields(owner.node)]
    return {name: Found(module, node) for module, name, node in reversed(fields)}


def constant(found: Found, name: str) -> str | None:
    """Give the string that a class, or the nearest it inherits from, assigns to ``name``."""
    for owner in lineage(found):
        for node in getattr(owner.node, "body", []):
            target = node.targets[0] if isinstance(node, ast.Assign) else _annotated(node)
            if _is(target, name) and isinstance(node.value, ast.Constant):
                return str(node.value.value)
    return None


def _constructor(node: ast.AST) -> ast.FunctionDef | None:
    if isinstance(node, ast.FunctionDef):
        return node
    functions = (n for n in getattr(node, "body", []) if isinstance(n, ast.FunctionDef))
    return next((function for function in functions if function.name == "__init__"), None)


def _fields(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for line in getattr(node, "body", []):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            yield line.target.id, line.annotation


def _annotated(node: ast.AST) -> ast.AST | None:
    return node.target if isinstance(node, ast.AnnAssign) else None


def _is(node: ast.AST | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
