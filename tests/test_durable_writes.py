"""Nothing is written but through `records.durable`, read from the source; exceptions are named."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
DURABLE = "clipbench/records/durable.py"

# Each of these holds nothing that a crash could cost.
EXCEPTIONS = {
    "clipbench/records/lock.py": {
        "os.open",
        "os.ftruncate",
        "os.write",
    },  # its text is a courtesy; the kernel holds the lock
    "clipbench/records/tensorboard.py": {"os.open", "os.replace"},  # a view, made again at will
    "clipbench/records/reading.py": {"os.open"},  # read-only
    "clipbench/cli/sweeps/progress.py": {"os.open", "os.write", "touch"},  # what a watcher is told
    "clipbench/cli/sweeps/child.py": {"os.open"},  # the output of a job
    "clipbench/cli/sweeps/attempt.py": {"open", "touch"},  # the same
    "clipbench/cli/errors.py": {"os.open"},  # the null device
    "clipbench/cli/completion.py": {"open"},  # the same
    "clipbench/cli/searches/ending.py": {"replace"},  # a link for people
    "clipbench/analysis/canvas.py": {"savefig"},  # into memory
    "clipbench/cli/conclusion.py": {"savez_compressed"},  # into memory
    "clipbench/training/packing.py": {"save"},  # into memory
}
SYSTEM = {"open", "replace", "rename", "link", "truncate", "ftruncate", "write", "pwrite"}
WRITERS = {
    "write_text", "write_bytes", "touch", "rename", "hardlink_to", "tofile", "savez",
    "savez_compressed", "savetxt", "savefig", "imsave", "dump", "NamedTemporaryFile", "mkstemp",
    "copyfile", "copytree", "move",
}  # fmt: skip


def writes_of(tree: ast.AST) -> Iterator[str]:
    """Give what in a source opens, makes or moves a file for good, by name."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id == "open" and not _reads(node, at=1):
            yield "open"
        if isinstance(node.func, ast.Attribute):
            owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            yield from _writes_of_method(node, owner, node.func.attr)


def _writes_of_method(call: ast.Call, owner: str, name: str) -> Iterator[str]:
    if owner == "os":
        yield from [f"os.{name}"] if name in SYSTEM else []
    elif name in WRITERS or (name == "save" and owner in ("np", "torch")):
        yield name
    elif name == "open" and not _reads(call, at=0):
        yield "open"
    elif name == "replace" and len(call.args) == 1 and not call.keywords:
        yield "replace"  # of a path; that of a text takes two


def _reads(call: ast.Call, *, at: int) -> bool:
    modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    mode = (modes or call.args[at : at + 1] or [ast.Constant("r")])[0]
    return not isinstance(mode, ast.Constant) or not set(str(mode.value)) & set("wax+")


def test_every_file_is_written_durably_but_for_the_named_ones():
    found = {
        str(path.relative_to(ROOT)): set(writes_of(ast.parse(path.read_text())))
        for path in sorted((ROOT / "clipbench").rglob("*.py"))
    }
    del found[DURABLE]
    assert {name: writes for name, writes in found.items() if writes} == EXCEPTIONS


def test_what_writes_is_recognised():
    sources = [
        "open(p, 'w')", "open(p, mode='ab')", "Path(p).open('x')", "p.parent.open('w')",
        "p.open('w')", "p.write_text('')", "p.write_bytes(b'')", "os.replace(a, b)", "a.replace(b)",
        "os.rename(a, b)", "os.open(p, 1)", "np.save(p, x)", "np.savez(p, x)", "torch.save(x, p)",
        "shutil.move(a, b)",
    ]  # fmt: skip
    assert [s for s in sources if not set(writes_of(ast.parse(s)))] == []
    harmless = [
        "open(p)",
        "open(p, 'rb')",
        "p.parent.open('rb')",
        "'a'.replace('a', 'b')",
        "run.save(s)",
    ]
    assert [s for s in harmless if set(writes_of(ast.parse(s)))] == []
