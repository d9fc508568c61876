"""``sweep.json``: which jobs a sweep consists of, written before the first of them starts.

It lets a worker find the configuration that was checked, and a reader name the jobs that never
started. How a job went stands in the records of its runs alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clipbench.records.durable import write_bytes
from clipbench.records.json_text import Json, parse, sha256, spell, unspell
from clipbench.records.reading import RunError, open_regular

SWEEP_FILE = "sweep.json"
FORMAT = 1
MAX_BYTES = 512 * 2**20


@dataclass(frozen=True)
class PlannedJob:
    """One job of a sweep.

    Attributes:
        folder: Where it lies, below the sweep: ``clip=relu/seed=0``, or the parent of its seeds.
        overrides: What was typed for it, the listed values resolved.
        config: Its checked configuration.
        seeds: The seeds of its runs.
        done: Whether it had ended before this start.
    """

    folder: str
    overrides: tuple[str, ...]
    config: dict[str, Any]
    seeds: tuple[int, ...]
    done: bool = False

    def config_of(self, seed: int) -> dict[str, Any]:
        """Return the configuration of the run of one seed."""
        return {**self.config, "seed": seed}

    def runs(self) -> dict[int, str]:
        """Return the run directory of each seed, below the sweep."""
        if len(self.seeds) == 1:
            return {self.seeds[0]: self.folder}
        return {seed: f"{self.folder}/seed={seed}" for seed in self.seeds}


@dataclass(frozen=True)
class SweepFile:
    """What ``sweep.json`` holds.

    Attributes:
        jobs: All jobs, in the order in which they start.
        started: When this start was, in seconds since 1970.
        settings: The keys of ``sweep`` that hold for all jobs.
    """

    jobs: tuple[PlannedJob, ...]
    started: float
    settings: Mapping[str, Any]


def write_sweep(
    folder: Path, jobs: Sequence[PlannedJob], *, settings: Mapping[str, Any]
) -> SweepFile:
    """Write the jobs of a sweep into its folder, in place of those of an earlier start."""
    # Milliseconds: in more digits a damaged one could read as the same number.
    sweep = SweepFile(tuple(jobs), round(time.time(), 3), dict(settings))
    document: dict[str, Json] = {
        "format": FORMAT,
        "started": sweep.started,
        "settings": dict(settings),
        "jobs": [asdict(job) for job in jobs],
    }
    text = json.dumps(spell({**document, "digest": sha256(document)}), allow_nan=False)
    write_bytes(folder / SWEEP_FILE, text.encode("ascii") + b"\n")
    return sweep


def read_sweep(folder: Path) -> SweepFile:
    """Read the jobs of a sweep.

    Raises:
        RunError: There is no such file, or it is damaged, too large or not of clipbench.
    """
    file = folder / SWEEP_FILE
    with open_regular(file, max_bytes=MAX_BYTES) as stream:
        content = stream.read(MAX_BYTES)
    try:
        document = parse(content)
        digest = document.pop("digest", None) if isinstance(document, dict) else None
        if not isinstance(document, dict) or digest != sha256(document):
            raise _unusable(file, "is damaged, or was not written by clipbench")
        if document.get("format") != FORMAT:
            raise _unusable(file, f"has format {document.get('format')!r}, not {FORMAT}")
        return _as_sweep(document)
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise _unusable(file, "is damaged or no JSON") from error


def _as_sweep(document: dict[str, Any]) -> SweepFile:
    jobs = tuple(
        PlannedJob(
            folder=str(job["folder"]),
            overrides=tuple(str(text) for text in job["overrides"]),
            config=dict(unspell(job["config"])),  # type: ignore[call-overload]
            seeds=tuple(int(seed) for seed in job["seeds"]),
            done=bool(job["done"]),
        )
        for job in document["jobs"]
    )
    for job in jobs:
        if Path(job.folder).is_absolute() or ".." in Path(job.folder).parts:
            raise ValueError(f"{job.folder} leads out of the sweep")
    return SweepFile(jobs, float(document["started"]), dict(document["settings"]))


def _unusable(file: Path, why: str) -> RunError:
    return RunError(
        f"The list of the sweep's jobs {why}.",
        where=file,
        remedy="Start the sweep again: what has finished is kept.",
    )
