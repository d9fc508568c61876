"""What is read from source text, on two small modules."""

from __future__ import annotations

import ast

import pytest

from clipbench.cli import source
from clipbench.cli.source import arguments_of, constant, find, lineage

BASE = """
Width = Annotated[float, Gt(0)]

class Base(nn.Module):
    kind: Kind = "plain"

class Fields(Base):
    width: float = 1.0
    height: int = 2
"""
OWN = """
from torch import nn
from clipbench.base import Base, Fields, Width

class Built(Base):
    def __init__(self, *, width: Width) -> None:
        self.width = width

class Again(Built):
    kind = "again"

class Narrow(Fields):
    width: Width = 0.5

def make(width: Width, height, *, depth: int = 1): ...
"""


@pytest.fixture(autouse=True)
def modules(tmp_path, monkeypatch):
    (tmp_path / "clipbench").mkdir()
    (tmp_path / "clipbench" / "base.py").write_text(BASE)
    (tmp_path / "clipbench" / "own.py").write_text(OWN)
    monkeypatch.setattr(source, "_ROOT", tmp_path)
    source.tree_of.cache_clear()
    yield
    source.tree_of.cache_clear()


def written(name):
    return {
        key: (found.module, ast.unparse(found.node))
        for key, found in arguments_of(find("clipbench.own", name)).items()
    }


def test_a_constructor_is_inherited_and_its_annotations_are_those_of_its_module():
    expected = {"width": ("clipbench.own", "Width")}
    assert written("Built") == written("Again") == expected


def test_fields_are_inherited_and_the_nearest_wins():
    narrow = written("Narrow")
    assert narrow["width"] == ("clipbench.own", "Width")
    assert narrow["height"] == ("clipbench.base", "int")


def test_arguments_of_a_function_are_those_with_a_type():
    assert written("make").keys() == {"width", "depth"}


def test_names_are_followed_through_our_own_imports_only():
    assert ast.unparse(find("clipbench.own", "Width").node) == "Annotated[float, Gt(0)]"
    assert find("clipbench.own", "nn") is None
    assert find("clipbench.own", "absent") is None
    assert find("torch.nn", "Module") is None


def test_a_line_ends_where_our_own_source_does():
    line = lineage(find("clipbench.own", "Again"))
    assert [found.node.name for found in line] == ["Again", "Built", "Base"]


def test_a_constant_is_the_nearest_one():
    values = {name: constant(find("clipbench.own", name), "kind") for name in ("Built", "Again")}
    assert values == {"Built": "plain", "Again": "again"}
    assert constant(find("clipbench.own", "Again"), "absent") is None
