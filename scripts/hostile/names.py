"""Twenty names that climb out of where they belong, wherever a name becomes a path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from clipbench.cli.main import main
from scripts.malformed.case import copied
from scripts.malformed.folders import resealed

UP = ("../up", "..", "/tmp/clipbench-up", "a/../../up", ".", "~/up", "a\\..\\up", "%2e%2e/up")


def trials(run: Path) -> Mapping[str, Callable[[Path], Callable[[], int]]]:
    """Return what is to be tried, by name; each has its working directory in ``inside``."""
    found: dict[str, Callable[[Path], Callable[[], int]]] = {}
    for name in UP:
        found[f"name={name}"] = _typed("train", "experiment=smoke", f"name='{name}'")
    for name in UP[:4]:
        found[f"data get {name}"] = _typed("data", "get", name, "--offline", "--root", "root")
    for name in UP[:2]:
        found[f"clip={name}"] = _typed("train", "experiment=smoke", f"clip={name}")
        found[f"a recorded name {name}"] = _recorded(run, name)
        found[f"a search called {name}"] = _typed("search", "experiment=smoke", "--name", name)
    found["experiment=../up"] = _typed("train", "experiment=../up")
    found["a value with .. in the folder's name"] = _typed(
        "train", "experiment=smoke", "name=s", "trust=[../../up]"
    )
    return found


def _typed(*words: str) -> Callable[[Path], Callable[[], int]]:
    return lambda _folder: lambda: main(list(words))


def _recorded(run: Path, name: str) -> Callable[[Path], Callable[[], int]]:
    def lay(folder: Path) -> Callable[[], int]:
        file = copied(run, folder) / "run.json"

        def change(manifest: dict) -> None:  # type: ignore[type-arg]
            manifest["config"]["name"] = name
            manifest["overrides"] = [f"name={name}", f"clip={name}"]

        file.write_bytes(resealed(file.read_bytes(), change))
        return lambda: main(["rerun", "run"])

    return lay
