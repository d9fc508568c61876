"""What a key may be set to, in words, from the annotation of the argument it becomes."""

from __future__ import annotations

import ast

from clipbench.cli.source import Found, find

_TYPES = {"float": "number", "int": "integer", "bool": "true | false", "str": "text"}
_SIGNS = {"Gt": ">", "Ge": ">=", "Lt": "<", "Le": "<="}


def allowed(annotation: Found, *, text: str = _TYPES["str"]) -> str:
    """Describe the values that an annotation admits, such as ``number > 0, or null``.

    What a YAML file cannot hold, such as a function, is left out; nothing left gives "".

    Args:
        annotation: the annotation, and the module whose names it uses.
        text: what a string is here.
    """
    parts = _parts(annotation)
    return ", or ".join(text if part == _TYPES["str"] else part for part in parts)


def _parts(annotation: Found) -> list[str]:
    module, node = annotation.module, annotation.node
    if isinstance(node, ast.BinOp):
        return [*_parts(Found(module, node.left)), *_parts(Found(module, node.right))]
    if isinstance(node, ast.Constant) and node.value is None:
        return ["null"]
    if isinstance(node, ast.Name):
        return _of_name(module, node.id)
    if isinstance(node, ast.Subscript):
        return _of_subscript(module, ast.unparse(node.value), node.slice)
    return []


def _of_name(module: str, name: str) -> list[str]:
    if name in _TYPES:
        return [_TYPES[name]]
    found = find(module, name)
    if found is None:
        return []
    return ["keys of its own"] if isinstance(found.node, ast.ClassDef) else _parts(found)


def _of_subscript(module: str, name: str, inside: ast.expr) -> list[str]:
    first, *rest = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    if name == "Literal":
        return [" | ".join(str(ast.literal_eval(choice)) for choice in (first, *rest))]
    parts = _parts(Found(module, first))
    if name == "Annotated":
        return [f"{part} {' and '.join(map(_bound, rest))}" for part in parts]
    return [f"list, each {part}" for part in parts] if name in ("list", "Sequence") else []


def _bound(mark: ast.expr) -> str:
    """Put ``Gt(0)`` or ``Len(1, 4)`` into words."""
    name, _, numbers = ast.unparse(mark).removesuffix(")").partition("(")
    if name == "Len":
        least, _, most = numbers.partition(", ")
        return f"({least} to {most} of them)" if most else f"(at least {least} of them)"
    return f"{_SIGNS[name]} {numbers}"
