"""The manifest of a run directory: ``run.json``, written atomically and read with suspicion.

``digest`` is the SHA-256 of the canonical JSON text of everything else in it, so that no damage
goes unseen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import UnionType
from typing import (
    Any,
    Literal,
    Self,
    TypedDict,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from clipbench.records import provenance
from clipbench.records.config_hash import Config, changed_keys, config_hash, group_hash
from clipbench.records.durable import make_folder, write_bytes
from clipbench.records.json_text import Json, parse, sha256, spell, unspell
from clipbench.records.reading import RunError, open_regular

RUN_FILE = "run.json"
FORMAT = 1
MAX_BYTES = 16 * 2**20

Status = Literal["running", "finished", "failed", "diverged", "interrupted"]
_NAMED_KEYS = 6


class _HowItRan(TypedDict, total=False):
    """What a run that is taken up again must have; readers can do without."""

    device: str
    threads: int
    stack: int
    resumed: list[dict[str, Any]]
    times: dict[str, Any]


class Manifest(_HowItRan):
    """What readers rely on in a manifest; it holds more: commit, versions, machine."""

    status: Status
    config: dict[str, Any]
    overrides: list[str]
    config_hash: str
    group: str
    seed: int
    data: dict[str, Any]
    cause: str | None
    results: dict[str, float]


_KINDS: dict[Any, Any] = {Literal: str, UnionType: str | None}


class RunDirectory:
    """The folder of one run while it is being trained."""

    def __init__(self, path: Path, manifest: dict[str, Json]) -> None:
        self.path = path
        self._manifest = manifest

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        config: Config,
        device: str,
        threads: int,
        stack: int,
        data: Mapping[str, Json],
        resumed_at: int | None = None,
        audit: Mapping[str, Json] | None = None,
        overrides: Sequence[str] = (),
    ) -> Self:
        """Make the folder, or take over one of the same config, and set its status to running.

        Args:
            path: The folder; missing parents are made.
            config: The resolved config, with its ``seed``.
            device: Where the run trains, as resolved.
            threads: Number of CPU threads it uses.
            stack: How many seeds train as one stack, as resolved; 1 for this seed alone.
            resumed_at: The step at which the run is taken up again; None where it begins.
            data: What a reader must know of the data: its name, the shape a model is built for,
                and where the files came from.
            audit: What the audit before training found; None where there was none.
            overrides: What the user typed.

        Raises:
            RunError: The folder holds a run of another config, or a damaged manifest.
        """
        refuse_other_config(path, config)
        resumed: list[Json] = []
        started = _now()
        if resumed_at is not None:
            before = cast(dict[str, Any], read_run(path))
            at: dict[str, Json] = {"step": resumed_at, "time": started}
            resumed = [*before.get("resumed", []), at | {"device": device, "threads": threads}]
            device, threads = before["device"], before["threads"]
            started = before["times"]["started"]
        make_folder(path)
        typed: list[Json] = [*overrides]
        manifest: dict[str, Json] = {
            "format": FORMAT,
            "status": "running",
            "config": dict(config),
            "overrides": typed,
            "config_hash": config_hash(config),
            "group": group_hash(config),
            "seed": config["seed"],
            **provenance.collect(),
            "device": device,
            "threads": threads,
            "stack": stack,
            "resumed": resumed,
            "data": dict(data),
            "audit": None if audit is None else dict(audit),
            "times": {"started": started, "finished": None},
            "cause": None,
            "results": {},
        }
        run = cls(path, manifest)
        run._write()
        return run

    @classmethod
    def reopen(cls, path: Path) -> Self:
        """Take up a run that its own process left behind, to write how it ended.

        Raises:
            RunError: The folder holds no readable run.
        """
        return cls(path, cast(dict[str, Json], read_run(path)))

    def finish(
        self, status: Status, *, results: Mapping[str, float], cause: str | None = None
    ) -> None:
        """Write how the run ended.

        Args:
            status: Any but running.
            results: Numbers under the tags of the journal.
            cause: Why it ended, where it did not finish.
        """
        endings = [known for known in get_args(Status) if known != "running"]
        if status not in endings:
            raise ValueError(f"A run ends with a status of {endings}, got status={status!r}.")
        numbers: dict[str, Json] = {tag: float(value) for tag, value in results.items()}
        times = cast(dict[str, Json], self._manifest["times"])
        self._manifest |= {
            "status": status,
            "times": times | {"finished": _now()},
            "cause": cause,
            "results": numbers,
        }
        self._write()

    def _write(self) -> None:
        document = {**self._manifest, "digest": sha256(self._manifest)}
        text = json.dumps(spell(document), indent=1, allow_nan=False)
        write_bytes(self.path / RUN_FILE, text.encode("ascii") + b"\n")


def read_run(path: Path) -> Manifest:
    """Read the manifest of a run directory, without its ``digest``.

    Non-finite numbers stand again as numbers in ``config`` and ``results``.

    Raises:
        RunError: The manifest is missing, damaged, too large, or not of clipbench.
    """
    file = path / RUN_FILE
    with open_regular(file, max_bytes=MAX_BYTES) as stream:
        content = stream.read(MAX_BYTES)
    manifest = _parse_manifest(file, content)
    for key in ("config", "results"):
        manifest[key] = cast(Json, unspell(manifest[key]))
    return cast(Manifest, manifest)


def refuse_other_config(path: Path, config: Config) -> None:
    """Make sure that a folder holds no run, or one of this config.

    Raises:
        RunError: It holds a run of another config, or a damaged manifest.
    """
    if not os.path.lexists(path / RUN_FILE):
        return
    held = read_run(path)
    if held["config_hash"] == config_hash(config):
        return
    keys = changed_keys(held["config"], config)
    named = ", ".join(keys[:_NAMED_KEYS]) + (", …" if len(keys) > _NAMED_KEYS else "")
    raise RunError(
        f"The run directory holds a run of another config; it differs in: {named}.",
        where=path,
        remedy="Choose another folder or name, or remove this one.",
    )


def _parse_manifest(file: Path, content: bytes) -> dict[str, Json]:
    try:
        document = parse(content)
        digest = document.pop("digest", None) if isinstance(document, dict) else None
        intact = digest == sha256(document)
    except (ValueError, RecursionError) as error:
        raise _unusable(file, "is damaged or no JSON") from error
    if not isinstance(document, dict) or digest is None:
        raise _unusable(file, "was not written by clipbench")
    if not intact:
        raise _unusable(file, "is damaged: its content does not fit its digest")
    if document.get("format") != FORMAT:
        raise _unusable(file, f"has format {document.get('format')!r}, this version reads {FORMAT}")
    if not _is_manifest(document):
        raise _unusable(file, "lacks a part")
    return document


def _is_manifest(document: Mapping[str, object]) -> bool:
    """Tell whether a document has the parts that readers rely on: anybody can make a digest."""
    results = document.get("results")
    return (
        document.keys() >= Manifest.__required_keys__
        and all(
            isinstance(document[key], _KINDS.get(kind, kind))
            for key, kind in _kinds().items()
            if key in document
        )
        and document["status"] in get_args(Status)
        and isinstance(results, dict)
        and all(isinstance(unspell(value), int | float) for value in results.values())
    )


@cache
def _kinds() -> dict[str, Any]:
    hints = get_type_hints(Manifest)
    return {key: get_origin(kind) or kind for key, kind in hints.items()}


def _unusable(file: Path, why: str) -> RunError:
    return RunError(
        f"The manifest of the run {why}.",
        where=file,
        remedy="Name another run directory, or remove this one and train again.",
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
