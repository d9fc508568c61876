"""Thirty run directories that no run wrote so: odd files, odd names, odd manifests."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from clipbench.records.json_text import sha256
from clipbench.records.run_dir import RUN_FILE
from scripts.malformed.case import Case, Trial, command, copied

EVAL, REPORT, RERUN = ["eval", "run"], ["report", "run"], ["rerun", "run"]
NOBODY = 65534


def cases(run: Path) -> list[Case]:
    """Return the thirty: manifests, what stands in their place, and folders."""
    found = [
        Case(name=f"manifest {name}", lay=_with_manifest(run, damage), codes=(4,), named=("run",))
        for name, damage in _manifests().items()
    ]
    found.append(
        Case(
            name="manifest whose config has no clip",
            lay=_with_manifest(run, lambda c: resealed(c, lambda m: m["config"].pop("clip"))),
            codes=(2,),
            named=("clip",),
        )
    )
    found += [
        Case(name=f"folder {name}", lay=lay, codes=(4,), named=("run",))
        for name, lay in _folders(run).items()
    ]
    found += [
        Case(name=f"folder {name}", lay=lay, codes=(4,), said=said)
        for name, (lay, said) in _told(run).items()
    ]
    return found


def resealed(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Change a manifest and give it the digest that fits, as anybody can."""
    manifest = json.loads(content)
    del manifest["digest"]
    change(manifest)
    return json.dumps({**manifest, "digest": sha256(manifest)}).encode()


def _with_manifest(run: Path, damage: Callable[[bytes], bytes]) -> Callable[[Path], Sequence[str]]:
    def lay(folder: Path) -> Sequence[str]:
        file = copied(run, folder) / RUN_FILE
        file.write_bytes(damage(file.read_bytes()))
        return EVAL

    return lay


def _manifests() -> dict[str, Callable[[bytes], bytes]]:
    def set_to(key: str, value: object) -> Callable[[bytes], bytes]:
        return lambda content: resealed(content, lambda m: m.update({key: value}))

    return {
        "empty": lambda _: b"",
        "cut": lambda content: content[: len(content) // 2],
        "with a flipped bit": lambda content: content[:900] + b"~" + content[901:],
        "a list": lambda _: b"[1, 2]",
        "nested deeply": lambda _: b"[" * 200_000,
        "with NaN, which JSON does not have": lambda c: c.replace(b": 0,", b": NaN,", 1),
        "of another encoding": lambda content: content.decode().encode("utf-16"),
        "without a digest": lambda c: json.dumps({"config": json.loads(c)["config"]}).encode(),
        "of a later format": set_to("format", 99),
        "of an unknown status": set_to("status", "splendid"),
        "whose config is a list": set_to("config", [1]),
        "whose results are texts": set_to("results", {"test/accuracy": "high"}),
        "whose seed is a text": set_to("seed", "zero"),
        "whose data have no shape": set_to("data", {}),
        "of 17 MiB": lambda content: content + b" " * (17 * 2**20),
    }


def _folders(run: Path) -> dict[str, Callable[[Path], Sequence[str] | Trial]]:
    def replaced(place: Callable[[Path], object], asked: Sequence[str]) -> Callable[[Path], Any]:
        def lay(folder: Path) -> Sequence[str]:
            file = copied(run, folder) / RUN_FILE
            os.replace(file, folder / "outside.json")
            place(file)
            return asked

        return lay

    return {
        "missing": lambda _folder: EVAL,
        "that is a file": lambda folder: ((folder / "run").write_text("x"), REPORT)[1],
        "that is empty": lambda folder: ((folder / "run").mkdir(), REPORT)[1],
        "that is a link to itself": lambda f: ((f / "run").symlink_to("run"), REPORT)[1],
        "with a pipe for a manifest": replaced(os.mkfifo, RERUN),
        "with a socket for a manifest": replaced(_socket, EVAL),
        "with a link for a manifest": replaced(lambda f: f.symlink_to("../outside.json"), EVAL),
        "with a folder for a manifest": replaced(Path.mkdir, EVAL),
        "with a manifest of a terabyte": replaced(_huge, EVAL),
        "that nobody may read": _unreadable(run),
    }


def _told(run: Path) -> dict[str, tuple[Callable[[Path], Sequence[str]], tuple[str, ...]]]:
    """Return what a report goes on with, and what it must say."""

    def with_others(make: Callable[[Path], object]) -> Callable[[Path], Sequence[str]]:
        def lay(folder: Path) -> Sequence[str]:
            copied(run, folder)
            make(folder)
            return ["report", "."]

        return lay

    def name_of(name: bytes) -> Callable[[Path], object]:
        return lambda folder: os.rename(folder / "run", os.path.join(os.fsencode(folder), name))

    return {
        "with ten thousand others": (with_others(_ten_thousand), ("1 run",)),
        "with a name that is no text": (with_others(name_of(b"run\xff\xfe")), ("1 run",)),
        "with a name of 255 bytes": (with_others(name_of(b"r" * 255)), ("1 run",)),
        "with links in a circle": (with_others(_circle), ("1 run",)),
    }


def _ten_thousand(folder: Path) -> None:
    (folder / "run" / "many").mkdir()
    for number in range(10_000):
        (folder / "run" / "many" / f"{number}").touch()


def _circle(folder: Path) -> None:
    (folder / "run" / "up").symlink_to(folder)
    (folder / "run" / "here").symlink_to("here")


def _socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(file))


def _huge(file: Path) -> None:
    file.touch()
    os.truncate(file, 2**40)


def _unreadable(run: Path) -> Callable[[Path], Trial]:
    def lay(folder: Path) -> Trial:
        (copied(run, folder) / RUN_FILE).chmod(0)
        folder.chmod(0o755)

        def trial() -> int:
            if os.getuid() == 0:  # whom no mode keeps out
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            return command(EVAL)()

        return trial

    return lay
