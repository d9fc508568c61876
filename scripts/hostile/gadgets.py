"""Twenty-five pickles that would run something, in each of the three places for a pickle."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from clipbench.cli.errors import guarded
from clipbench.cli.main import main
from clipbench.data.cifar_family import read_batch
from clipbench.data.sources import DataError, SourceError
from clipbench.records.frame import unwrap, wrap
from clipbench.training.packing import FORMAT
from scripts.malformed.case import copied
from scripts.malformed.checkpoints import newest

MARK = "marker"
_TOUCH = f"touch {MARK}"
_OPEN = f"open({MARK!r}, 'w')"

# Module, name, arguments: what would leave the marker in the working directory.
CALLS: tuple[tuple[str, str, tuple[object, ...]], ...] = (
    ("os", "system", (_TOUCH,)),
    ("posix", "system", (_TOUCH,)),
    ("os", "popen", (_TOUCH,)),
    ("os", "mkdir", (MARK,)),
    ("subprocess", "run", (["touch", MARK],)),
    ("subprocess", "Popen", (["touch", MARK],)),
    ("subprocess", "getoutput", (_TOUCH,)),
    ("builtins", "eval", (_OPEN,)),
    ("builtins", "exec", (_OPEN,)),
    ("builtins", "open", (MARK, "w")),
    ("builtins", "getattr", ("os", "system")),
    ("builtins", "__import__", (MARK,)),
    ("io", "open", (MARK, "w")),
    ("pathlib", "Path.touch", (MARK,)),
    ("shutil", "copy", ("/etc/hostname", MARK)),
    ("runpy", "run_path", ("/etc/hostname",)),
    ("timeit", "timeit", (_OPEN,)),
    ("cProfile", "run", (_OPEN,)),
    ("code", "interact", (_OPEN,)),
    ("pty", "spawn", (["touch", MARK],)),
    ("importlib", "import_module", (MARK,)),
    ("ctypes", "CDLL", (MARK,)),
    ("socket", "create_connection", (("127.0.0.1", 9),)),
    ("numpy", "load", (MARK, None, True)),
    ("torch", "load", (MARK,)),
)


def pickled(module: str, name: str, arguments: tuple[object, ...]) -> bytes:
    """Return a pickle that calls a function by its name, of protocol 2, which torch reads too."""
    inner = pickle.dumps(arguments, protocol=2)[2:-1]  # without its head and its end
    call = b"c" + module.encode() + b"\n" + name.encode() + b"\n" + inner + b"R"
    return b"\x80\x02}(X\x05\x00\x00\x00model" + call + b"X\x04\x00\x00\x00data" + call + b"u."


def trials(run: Path) -> Mapping[str, Callable[[Path], Callable[[], int]]]:
    """Return what is to be tried, by name: each lays its files and gives what to run.

    Args:
        run: A finished run, in whose copies the checkpoint is replaced.
    """
    found: dict[str, Callable[[Path], Callable[[], int]]] = {}
    for module, name, arguments in CALLS:
        content = pickled(module, name, arguments)
        called = f"{module}.{name} {arguments!r:.20}"
        found[f"{called} as a checkpoint"] = _checkpoint(run, lambda _, c=content: c)  # type: ignore[misc]
        found[f"{called} inside one"] = _checkpoint(run, lambda old, c=content: _inside(old, c))  # type: ignore[misc]
        found[f"{called} as a batch"] = _batch(content)
    return found


def _checkpoint(run: Path, make: Callable[[bytes], bytes]) -> Callable[[Path], Callable[[], int]]:
    def lay(folder: Path) -> Callable[[], int]:
        run_here = copied(run, folder)
        file = newest(run_here)
        payload = make(bytes(unwrap(file.read_bytes(), version=FORMAT)))
        for other in file.parent.iterdir():
            other.unlink()
        file.write_bytes(wrap(payload, version=FORMAT))
        return lambda: main(["eval", "run", "trainer.device=cpu"])

    return lay


def _inside(old: bytes, gadget: bytes) -> bytes:
    """Return a checkpoint as torch writes it, whose inner pickle is another."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(old)) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new,
    ):
        for name in source.namelist():
            new.writestr(name, gadget if name.endswith("data.pkl") else source.read(name))
    return target.getvalue()


def _batch(content: bytes) -> Callable[[Path], Callable[[], int]]:
    def read() -> int:
        try:
            read_batch(content, labels="labels")
        except SourceError as error:
            raise DataError(f"a batch: {error}\n  Fetch it anew.") from error
        return 0

    return lambda _folder: lambda: guarded(read)


def works() -> bool:
    """Tell whether a gadget of these does run where nothing guards: the trial can fail."""
    calls: list[str] = []
    content = pickled("builtins", "print", ("ran",))

    class Careless(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> object:
            calls.append(f"{module}.{name}")
            return lambda *_arguments: None

    Careless(io.BytesIO(content)).load()
    zipped = io.BytesIO()
    torch.save({"model": {}}, zipped)
    return calls == ["builtins.print"] * 2 and b"builtins" in _inside(zipped.getvalue(), content)
