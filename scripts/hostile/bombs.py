"""Three small files that stand for much: each must be refused, or passed by, at once."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from clipbench.cli.errors import guarded
from clipbench.cli.main import main
from clipbench.records.frame import wrap
from clipbench.records.tensorboard import EVENT_FILES
from clipbench.training.checkpoint import load_run
from clipbench.training.packing import FORMAT
from scripts.hostile.payloads import yaml_bomb
from scripts.malformed.case import copied
from scripts.malformed.checkpoints import newest
from scripts.malformed.journals import terabyte


def trials(run: Path) -> Mapping[str, Callable[[Path], Callable[[], int]]]:
    """Return what is to be tried, by name."""
    return {
        "aliases of YAML": _yaml,
        "a deflated checkpoint": lambda folder: _deflated(run, folder),
        "an event file with a record of a terabyte": lambda folder: _events(run, folder),
    }


def _yaml(folder: Path) -> Callable[[], int]:
    (folder / "own" / "clip").mkdir(parents=True)
    (folder / "own" / "clip" / "bomb.yaml").write_text(yaml_bomb())
    return lambda: main(["train", "clip=bomb", "--config-dir", "own"])


def _deflated(run: Path, folder: Path) -> Callable[[], int]:
    """Lay down a quarter of a mebibyte that holds a quarter of a gibibyte of zeros."""
    plain, packed = io.BytesIO(), io.BytesIO()
    torch.save({"model": {"weight": torch.zeros(2**26)}}, plain)
    with (
        zipfile.ZipFile(plain) as old,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    file = newest(copied(run, folder))
    for other in file.parent.iterdir():
        other.unlink()
    file.write_bytes(wrap(packed.getvalue(), version=FORMAT))
    return lambda: guarded(lambda: len(list(load_run("run").parameters())))


def _events(run: Path, folder: Path) -> Callable[[], int]:
    (file,) = copied(run, folder).glob(EVENT_FILES)
    file.write_bytes(terabyte() + file.read_bytes())
    return lambda: main(["report", "run"]) or main(["tb", "--rebuild", "run"])
