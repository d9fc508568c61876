"""What a bench has found, as JSON that a later one can be compared with; read with suspicion."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from clipbench.bench.measure import Measure, Part, Row
from clipbench.records import provenance
from clipbench.records.durable import write_bytes
from clipbench.records.json_text import Json, parse
from clipbench.records.reading import RunError, open_regular

FORMAT, SCHEMA = "clipbench bench", 1
MAX_BYTES = 16 * 2**20
REMEDY = "Name a file that clipbench bench --json wrote."


@dataclass(frozen=True)
class Results:
    """All parts of one bench, and what they were measured with.

    Attributes:
        made: The commit, the versions and the machine.
        device: Where it was measured.
        threads: Number of CPU threads.
        parts: In the order they were measured.
    """

    made: Mapping[str, Json]
    device: str
    threads: int
    parts: Sequence[Part]


def here(parts: Sequence[Part], *, device: str, threads: int) -> Results:
    """Return the results of this process, on this machine."""
    return Results(provenance.collect(), device, threads, parts)


def write_results(path: Path, results: Results) -> None:
    """Write results as a file, all of it or nothing.

    Raises:
        OSError: It cannot be written.
    """
    write_bytes(path, json.dumps(as_json(results), indent=1, allow_nan=False).encode() + b"\n")


def read_results(path: Path) -> Results:
    """Read what `write_results` wrote.

    Raises:
        RunError: The file is missing, no regular file, too large, damaged, or of another form.
    """
    with open_regular(path, max_bytes=MAX_BYTES, remedy=REMEDY) as file:
        content = file.read(MAX_BYTES)
    try:
        return from_json(parse(content))
    except RecursionError as error:
        raise RunError("The file is nested too deeply.", where=path, remedy=REMEDY) from error
    except ValueError as error:
        raise RunError(f"This is no bench: {error}.", where=path, remedy=REMEDY) from error


def as_json(results: Results) -> dict[str, Json]:
    """Return results in plain values."""
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        **results.made,
        "device": results.device,
        "threads": results.threads,
        "parts": {part.name: _part_as_json(part) for part in results.parts},
    }


def from_json(document: object) -> Results:
    """Return the results that plain values hold.

    Raises:
        ValueError: They have another form.
    """
    whole = _mapping(document, "the whole")
    if (whole.get("format"), whole.get("schema")) != (FORMAT, SCHEMA):
        _refuse(f"it needs format {FORMAT!r} and schema {SCHEMA}")
    made = {key: whole.get(key) for key in ("commit", "dirty", "versions", "machine")}
    _mapping(made["versions"], "versions")
    _mapping(made["machine"], "machine")
    return Results(
        made=made,
        device=_text(whole.get("device"), "device"),
        threads=_count(whole.get("threads"), "threads"),
        parts=[_part(name, part) for name, part in _mapping(whole.get("parts"), "parts").items()],
    )


def _part_as_json(part: Part) -> dict[str, Json]:
    rows: dict[str, Json] = {
        row.name: {
            name: {"unit": measure.unit, "values": list(measure.values)}
            for name, measure in row.measures.items()
        }
        for row in part.rows
    }
    return {"settings": dict(part.settings), "notes": list(part.notes), "rows": rows}


def _part(name: str, node: object) -> Part:
    part = _mapping(node, name)
    settings = _mapping(part.get("settings"), f"{name} settings")
    notes, rows = part.get("notes"), _mapping(part.get("rows"), f"{name} rows")
    if not all(isinstance(value, str | int) for value in settings.values()):
        _refuse(f"{name} settings holds what is no text or whole number")
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        _refuse(f"{name} notes is no list of texts")
    return Part(name, settings, [_row(title, row) for title, row in rows.items()], notes)


def _row(name: str, node: object) -> Row:
    measures = _mapping(node, name).items()
    return Row(name, {title: _measure(f"{name} {title}", one) for title, one in measures})


def _measure(where: str, node: object) -> Measure:
    measure = _mapping(node, where)
    values = measure.get("values")
    if not isinstance(values, list) or not values or not all(map(_is_positive, values)):
        _refuse(f"{where} needs a list of positive numbers")
    return Measure(_text(measure.get("unit"), where), tuple(float(value) for value in values))


def _is_positive(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value) and value > 0


def _mapping(node: object, where: str) -> dict[str, Any]:
    return node if isinstance(node, dict) else _refuse(f"{where} is no object")


def _text(node: object, where: str) -> str:
    return node if isinstance(node, str) else _refuse(f"{where} is no text")


def _count(node: object, where: str) -> int:
    whole = isinstance(node, int) and not isinstance(node, bool) and node > 0
    return node if whole else _refuse(f"{where} is no number of 1 or more")  # type: ignore[return-value]


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
