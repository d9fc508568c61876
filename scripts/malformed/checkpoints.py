"""Forty checkpoints that are not what their run would have saved, given to ``clipbench eval``."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from clipbench.records.frame import unwrap, wrap
from clipbench.training.packing import FORMAT
from scripts.malformed.case import Case, copied

_ONE = torch.ones(1)
Damage = Callable[[bytes], bytes]


def cases(run: Path) -> list[Case]:
    """Return the forty; the run's newest checkpoint is the one that is damaged."""
    damages = {**_of_bytes(), **_of_states()}
    placed = {**_of_files(), **{name: _rewrite(damage) for name, damage in damages.items()}}
    return [
        Case(
            name=f"checkpoint {name}",
            lay=_laid(run, place),
            codes=(4,),
            named=("run",),
        )
        for name, place in placed.items()
    ]


def newest(run: Path) -> Path:
    """Return the newest checkpoint of a run."""
    return max((run / "checkpoints").glob("step=*"))


def _laid(run: Path, place: Callable[[Path], None]) -> Callable[[Path], list[str]]:
    def lay(folder: Path) -> list[str]:
        run_here = copied(run, folder)
        _leave_one(run_here)
        place(newest(run_here))
        return ["eval", "run", "trainer.device=cpu"]

    return lay


def _leave_one(run: Path) -> None:
    """Leave only the newest, so that nothing can be fallen back to."""
    last = newest(run)
    for other in (run / "checkpoints").iterdir():
        if other != last:
            other.unlink()


def _rewrite(damage: Damage) -> Callable[[Path], None]:
    return lambda file: (file.write_bytes(damage(file.read_bytes())), None)[1]


def _of_bytes() -> dict[str, Damage]:
    draw = random.Random(0)
    found: dict[str, Damage] = {
        "empty": lambda _: b"",
        "of one byte": lambda _: b"P",
        "a web page": lambda _: b"<!doctype html><title>Moved</title>",
        "JSON": lambda _: b'{"model": {}}',
        "gzipped": gzip.compress,
        "another zip": lambda _: _zip({"a.txt": b"nothing"}),
        "a zip without members": lambda _: _zip({}),
        "zeros": lambda content: bytes(len(content)),
        "noise": lambda _: draw.randbytes(100_000),
        "a plain pickle": lambda _: wrap(pickle.dumps({"model": {}}), version=FORMAT),
        "cut after its beginning": lambda content: content[:64],
        "twice in one file": lambda content: content + content,
        "with a tail of zeros": lambda content: content + bytes(4096),
        "with a tail lost to zeros": lambda content: content[:-4096] + bytes(4096),
        "deflated": _deflated,
    }
    for share in (0.1, 0.5, 0.9, 0.999):
        found[f"cut at {share}"] = lambda content, share=share: content[: int(share * len(content))]  # type: ignore[misc]
    for number in range(4):
        place = draw.random()
        found[f"with bit {number} flipped"] = lambda content, place=place: _flipped(content, place)  # type: ignore[misc]
    for number in range(3):
        place = draw.uniform(0.2, 0.8)
        found[f"with hole {number}"] = lambda content, place=place: _holed(content, place)  # type: ignore[misc]
    return found


def _of_states() -> dict[str, Damage]:
    """Return states that torch saved and no run of this model did."""
    changes: dict[str, Callable[[dict[str, Any]], object]] = {
        "a list": lambda state: list(state),
        "a tensor": lambda _: torch.zeros(3),
        "a number": lambda _: 5,
        "without a model": lambda state: {k: v for k, v in state.items() if k != "model"},
        "whose model is a text": lambda state: {**state, "model": "weights"},
        "with a weight too few": lambda state: {**state, "model": _but_one(state["model"])},
        "with a weight too many": lambda state: {**state, "model": state["model"] | {"x": _ONE}},
        "of another shape": lambda state: {**state, "model": _each(state, lambda t: t.repeat(2))},
        "of NaN": lambda state: {**state, "model": _each(state, lambda t: t * float("nan"))},
    }  # fmt: skip
    return {name: _resaved(change) for name, change in changes.items()}


def _of_files() -> dict[str, Callable[[Path], None]]:
    return {
        "a named pipe": lambda file: (file.unlink(), os.mkfifo(file))[1],
        "a link out of the run": _linked_out,
        "a link to itself": lambda file: (file.unlink(), file.symlink_to(file.name), None)[2],
        "a folder": lambda file: (file.unlink(), file.mkdir())[1],
        "of a terabyte": _huge,
    }


def _zip(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def _deflated(content: bytes) -> bytes:
    """Pack the members of a checkpoint; torch stores them, and only a bomb would pack."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(unwrap(content, version=FORMAT))) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return wrap(target.getvalue(), version=FORMAT)


def _flipped(content: bytes, place: float) -> bytes:
    at = int(place * len(content))
    return content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :]


def _holed(content: bytes, place: float) -> bytes:
    at = int(place * len(content))
    return content[:at] + bytes(4096) + content[at + 4096 :]


def _but_one(weights: dict[str, Any]) -> dict[str, Any]:
    return dict(list(weights.items())[1:])


def _each(state: dict[str, Any], change: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, Any]:
    return {
        key: change(value) if value.is_floating_point() and value.ndim == 1 else value
        for key, value in state["model"].items()
    }


def _resaved(change: Callable[[dict[str, Any]], object]) -> Damage:
    def damage(content: bytes) -> bytes:
        payload = io.BytesIO(unwrap(content, version=FORMAT))
        state = torch.load(payload, map_location="cpu", weights_only=True)
        target = io.BytesIO()
        torch.save(change(state), target)
        return wrap(target.getvalue(), version=FORMAT)

    return damage


def _linked_out(file: Path) -> None:
    outside = file.parents[2] / "outside.pt"
    shutil.move(file, outside)
    file.symlink_to(outside)


def _huge(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(2**40)
