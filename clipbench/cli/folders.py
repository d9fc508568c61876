"""Names of folders: what a job is called follows from what was typed for it.

TensorBoard shows folder names, so they carry meaning: ``clip=learnable,model=cnn/seed=3``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from clipbench.records.config_hash import config_hash

OUTPUTS = Path("outputs")
RESERVED = "runs"
# Left out of a folder's name: they do not change the result, or they are in the path already.
SILENT = ("name", "trust", "seed", "num_seeds", "data.root", "data.offline", "trainer.device",
          "trainer.stack", "trainer.log_every", "trainer.save_every")  # fmt: skip
MAX_LENGTH = 120


def overrides_name(overrides: Iterable[str]) -> str:
    """Return a folder name for the overrides of a job, safe for any value, or ``defaults``.

    What a file system might refuse becomes ``_``; a name changed or shortened so gets a digest of
    the original, so that two jobs never share one.
    """
    bare = [text.lstrip("+") for text in overrides]
    kept = [
        text
        for text in bare
        if not text.startswith(("hydra", "sweep.")) and text.partition("=")[0] not in SILENT
    ]
    wanted = ",".join(kept) or "defaults"
    safe = re.sub(r"[^A-Za-z0-9._=,+~-]", "_", wanted)[:MAX_LENGTH].strip(".")
    if safe == wanted:
        return safe
    return f"{safe}-{sha256(wanted.encode()).hexdigest()[:8]}"


def job_folder(overrides: Sequence[str], seed: int, num_seeds: int) -> str:
    """Return the folder of a sweep's job below the sweep: its overrides, then its seed.

    A job of several seeds has no seed in its own folder: its runs lie in ``seed=<n>`` below it.
    """
    name = overrides_name(overrides)
    return name if num_seeds > 1 else f"{name}/seed={seed}"


def single_run_folder(config: dict[str, Any], overrides: Sequence[str]) -> Path:
    """Return where a single run lands: by its name, or by the time and the configuration's hash."""
    if config["name"] is not None:
        seeded = any(text.partition("=")[0] == "seed" for text in overrides)
        name = overrides_name(overrides)
        return OUTPUTS / config["name"] / (f"{name}/seed={config['seed']}" if seeded else name)
    stem = f"{_now()}-{config_hash(config)[:8]}"
    return _first_free(OUTPUTS / RESERVED, stem)


def sweep_folder(name: str | None) -> Path:
    """Return where a sweep lands: by its name, or by the time."""
    return OUTPUTS / name if name is not None else _first_free(OUTPUTS, _now())


def relative(path: Path) -> Path:
    """Return a path as a person would type it: from here, where it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _first_free(parent: Path, stem: str) -> Path:
    """Make and return a folder that nobody else has; two starts within a second get two."""
    for attempt in range(1000):
        folder = parent / (stem if attempt == 0 else f"{stem}-{attempt + 1}")
        try:
            folder.mkdir(parents=True, exist_ok=False)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{parent / stem} and 999 folders after it exist")


def _now() -> str:
    return datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
