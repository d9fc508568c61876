"""The order of the rooms, read from the source: who may import whom."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "clipbench"

# A room may import the rooms of the levels below its own. `optim.param_groups` and
# `records.durable` are files with a level of their own.
LEVELS = [
    {"records.durable"},
    {"clips", "grad_clips", "regularizers", "models", "data", "optim", "records"},
    {"probes", "optim.param_groups"},
    {"training"},
    {"analysis", "stress", "audit", "bench"},
    {"cli"},
]
ALONE = {"records.durable", "optim.param_groups"}
TOP_LEVEL = {"pyproject.toml", "clipbench", "conf", "scripts", "tests", "outputs", "README.md"}


def unit_of(module: str) -> str:
    """clipbench.optim.param_groups -> optim.param_groups; clipbench.clips.relu -> clips."""
    parts = module.split(".")[1:]
    name = ".".join(parts[:2])
    return name if name in ALONE else parts[0]


def level_of(unit: str) -> int:
    return next(level for level, units in enumerate(LEVELS) if unit in units)


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_every_room_has_a_level():
    rooms = {
        path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"
    }
    rooms.discard("conf")
    assert rooms <= set().union(*LEVELS)


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_arrows_go_down(path):
    if path.name == "__init__.py":
        return
    own = unit_of(module_of(path))
    for name in imports_of(path):
        if not name.startswith("clipbench."):
            continue
        other = unit_of(name)
        same_room = own.split(".")[0] == other.split(".")[0]
        below = level_of(other) < level_of(own)
        assert below or same_room, f"{module_of(path)} imports {name}"


def test_no_cycle_inside_a_room():
    graph = {
        module_of(path): {name for name in imports_of(path) if name.startswith("clipbench.")}
        for path in sources()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"cycle: {' -> '.join((*trail, module))}"
        if module in done:
            return
        for other in graph.get(module, ()):
            visit(other, (*trail, module))
        done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=lambda p: p.parent.name)
def test_init_files_are_a_docstring(path):
    tree = ast.parse(path.read_text())
    assert len(tree.body) == 1, "an __init__.py imports and defines nothing"
    assert ast.get_docstring(tree)


def test_omegaconf_and_hydra_stay_in_the_cli():
    for path in sources():
        if "cli" in path.relative_to(PACKAGE).parts:
            continue
        foreign = [
            name for name in imports_of(path) if name.split(".")[0] in ("hydra", "omegaconf")
        ]
        assert not foreign, f"{module_of(path)} imports {foreign}"


def test_records_never_import_torch():
    for path in sorted((PACKAGE / "records").glob("*.py")):
        assert not [name for name in imports_of(path) if name.split(".")[0] == "torch"], path


def test_top_level_is_the_fixed_one():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    names = {line.split("/")[0] for line in listed if line and not line.startswith(".")}
    assert names == TOP_LEVEL
    assert [line for line in listed if line.startswith("outputs/")] == ["outputs/.gitignore"]


def test_no_junk_drawer():
    words = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [path for path in sources() if words & set(path.with_suffix("").parts)]
