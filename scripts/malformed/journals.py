"""Thirty damaged journals and event files: what is whole must be shown, and the rest told."""

from __future__ import annotations

import os
import random
import zlib
from collections.abc import Callable
from pathlib import Path

from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.tensorboard import EVENT_FILES
from scripts.malformed.case import Case, copied

REBUILD, GUIDE = ["tb", "--rebuild", "run"], ["report", "run", "--guide"]


def cases(run: Path) -> list[Case]:
    """Return the thirty: fifteen damages of a journal, asked about or rebuilt from, and events."""
    found = []
    for place, (name, damage) in enumerate(_of_journals().items()):
        asked = GUIDE if place % 2 else REBUILD
        found.append(
            Case(
                name=f"journal {name}",
                lay=_laid(run, JOURNAL_FILE, damage, asked),
                codes=(4,),
                named=("run",),
                said=("damaged",),
                may_change=f"*/{EVENT_FILES}",
            )
        )
    for name, place in _in_place_of_a_journal().items():
        found.append(
            Case(
                name=f"journal that is {name}",
                lay=_replaced(run, place),
                codes=(4,),
                said=("Curves lack what this journal should hold: run",),
            )
        )
    for name, damage in _of_events().items():
        found.append(
            Case(
                name=f"event file {name}",
                lay=_laid(run, EVENT_FILES, damage, REBUILD),
                codes=(4,),
                said=("event files of 1 runs",),
                may_change=f"*/{EVENT_FILES}",
            )
        )
    return found


def _laid(
    run: Path, pattern: str, damage: Callable[[bytes], bytes], asked: list[str]
) -> Callable[[Path], list[str]]:
    def lay(folder: Path) -> list[str]:
        (file,) = copied(run, folder).glob(pattern)
        file.write_bytes(damage(file.read_bytes()))
        return asked

    return lay


def _replaced(run: Path, place: Callable[[Path], None]) -> Callable[[Path], list[str]]:
    def lay(folder: Path) -> list[str]:
        file = copied(run, folder) / JOURNAL_FILE
        os.replace(file, folder / "outside.jsonl")
        place(file)
        return GUIDE

    return lay


def _of_journals() -> dict[str, Callable[[bytes], bytes]]:
    draw = random.Random(0)
    return {
        "cut in its last line": lambda content: content[:-7],
        "with a flipped bit": lambda content: _flipped(content, draw.random()),
        "with a hole": lambda content: content[:500] + bytes(600) + content[1100:],
        "with a tail of zeros": lambda content: content + bytes(4096),
        "with a line of noise": lambda content: draw.randbytes(300) + b"\n" + content,
        "with a line that is no record": lambda content: _sealed(b'{"a":1}') + content,
        "with a line that is nested deeply": lambda content: (
            _sealed(b'{"step":0,"a":' + b"[" * 50_000 + b"}") + content
        ),
        "with a number of many digits": lambda content: (
            _sealed(b'{"step":' + b"9" * 5000 + b',"epoch":0,"time":0,"scalars":{}}') + content
        ),
        "with a step that is a text": lambda content: (
            _sealed(b'{"step":"1","epoch":0,"time":0,"scalars":{}}') + content
        ),
        "with a value that is a list": lambda content: (
            _sealed(b'{"step":1,"epoch":0,"time":0,"scalars":{"train/loss":[1]}}') + content
        ),
        "a web page": lambda _: b"<!doctype html>\n<title>Moved</title>\n",
        "of another text": lambda content: content.replace(b'"', b"'"),
    }


def _in_place_of_a_journal() -> dict[str, Callable[[Path], None]]:
    return {
        "missing": lambda _file: None,
        "a named pipe": os.mkfifo,
        "a link out of the run": lambda file: file.symlink_to("../outside.jsonl"),
        "a link to itself": lambda file: file.symlink_to(JOURNAL_FILE),
        "a folder": Path.mkdir,
        "of a terabyte": _huge,
    }


def _of_events() -> dict[str, Callable[[bytes], bytes]]:
    draw = random.Random(1)
    return {
        "empty": lambda _: b"",
        "cut": lambda content: content[: len(content) // 3],
        "with a flipped bit": lambda content: _flipped(content, draw.random()),
        "with a flipped bit in its first length": lambda content: b"\xff" + content[1:],
        "with a hole": lambda content: content[:2000] + bytes(4096) + content[6096:],
        "of zeros": lambda content: bytes(len(content)),
        "of noise": lambda content: draw.randbytes(len(content)),
        "with a record of a terabyte": lambda content: content + terabyte(),
        "a web page": lambda _: b"<!doctype html>",
        "with a tail of zeros": lambda content: content + bytes(4096),
        "twice in one file": lambda content: content + content,
        "of another run": lambda content: content[::-1],
    }


def terabyte() -> bytes:
    """Return the beginning of a record that claims to be a terabyte long, with a right seal."""
    import struct

    from tensorboard.summary.writer.record_writer import masked_crc32c

    length = struct.pack("<Q", 2**40)
    return length + struct.pack("<I", masked_crc32c(length)) + b"x" * 100


def _sealed(body: bytes) -> bytes:
    return body[:-1] + b',"crc":%d}\n' % zlib.crc32(body)


def _flipped(content: bytes, place: float) -> bytes:
    at = int(place * len(content))
    return content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :]


def _huge(file: Path) -> None:
    file.touch()
    os.truncate(file, 2**40)
