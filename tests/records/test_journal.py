"""The journal gives back what was written, and finds every damage."""

from __future__ import annotations

import json
import math
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipbench.records import journal
from clipbench.records.histogram import BINS, Histogram
from clipbench.records.journal import Journal, comparable, cut_back, read
from clipbench.records.reading import RunError


def _histogram() -> Histogram:
    return Histogram(
        min=-1.0,
        max=1.0,
        sum=0.1,
        sum_squares=math.inf,
        num=BINS,
        limits=[(2 * k - BINS) / BINS for k in range(1, BINS + 1)],
        counts=[1] * BINS,
    )


def _write_five(path: Path) -> list[bytes]:
    with Journal(path) as lines:
        for step in range(5):
            lines.write(step=step, epoch=0, scalars={"train/loss": 1 / (step + 3)})
    return path.read_bytes().splitlines(keepends=True)


def test_records_come_back_exactly(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    scalars = {"train/loss": 0.1 + 0.2, "odd \n tag é": -0.0, "tiny": 5e-324, "count": 3}
    with Journal(path) as lines:
        written = lines.write(
            step=7, epoch=1, scalars=scalars, histograms={"activation/conv1": _histogram()}
        )
    (record,), damaged = read(path)
    assert damaged == []
    crc = record.pop("crc")
    assert record == written
    assert record["scalars"] == scalars
    assert math.copysign(1, record["scalars"]["odd \n tag é"]) == -1
    assert record["histograms"] == {"activation/conv1": _histogram()}
    assert record.keys() == {"step", "epoch", "time", "scalars", "histograms"}
    assert 0 <= crc < 2**32


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=9), st.floats(width=64), max_size=4))
def test_every_float_comes_back(
    tmp_path_factory: pytest.TempPathFactory, scalars: dict[str, float]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "metrics.jsonl"
    with Journal(path) as lines:
        lines.write(step=0, epoch=0, scalars=scalars)
    ((record,), damaged) = read(path)
    assert damaged == []
    assert [*map(repr, record["scalars"].values())] == [*map(repr, scalars.values())]


def test_a_line_is_strict_json_whose_crc_covers_the_text_without_it(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with Journal(path) as lines:
        lines.write(step=1, epoch=0, scalars={"a": math.nan, "b": math.inf, "c": -math.inf})
    (line,) = path.read_text().splitlines()

    def refuse(word: str) -> None:
        raise AssertionError(word)

    parsed = json.loads(line, parse_constant=refuse)
    assert list(parsed) == ["step", "epoch", "time", "scalars", "crc"]
    assert parsed["scalars"] == {"a": "nan", "b": "inf", "c": "-inf"}
    crc = parsed.pop("crc")
    assert crc == zlib.crc32(json.dumps(parsed, separators=(",", ":")).encode())
    ((record,), _) = read(path)
    assert math.isnan(record["scalars"]["a"])
    assert record["scalars"]["b"] == math.inf
    assert record["scalars"]["c"] == -math.inf


def test_every_single_bit_flip_is_found_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    good = b"".join(_write_five(path))
    intact, _ = read(path)
    newlines = [index for index, byte in enumerate(good) if byte == ord("\n")]
    start, end = newlines[1] + 1, newlines[2]
    for position in range(start, end):
        for bit in range(8):
            flipped = bytearray(good)
            flipped[position] ^= 1 << bit
            path.write_bytes(flipped)
            records, damaged = read(path)
            assert records == intact[:2] + intact[3:]
            # A flip that makes a newline cuts the line into two damaged ones.
            assert damaged == ([3, 4] if flipped[position] == ord("\n") else [3])


def test_every_truncation_loses_the_cut_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = _write_five(path)
    whole = b"".join(lines[:-1])
    intact, _ = read(path)
    for length in range(1, len(lines[-1]) - 1):
        path.write_bytes(whole + lines[-1][:length])
        records, damaged = read(path)
        assert records == intact[:-1]
        assert damaged == [5]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\x00" * 100,
        b"\xff\xfe",
        b"{}",
        b"null",
        b'{"step":1}',
        b"[" * 100_000,
        b"x" * (journal.MAX_LINE + 10),
    ],
)
def test_a_foreign_line_is_located_and_the_rest_read(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = _write_five(path)
    path.write_bytes(lines[0] + line + b"\n" + lines[1])
    records, damaged = read(path)
    assert [record["step"] for record in records] == [0, 1]
    assert damaged == [2]


@pytest.mark.parametrize(
    "body",
    [
        '{"step":1,"epoch":0,"time":0.5}',
        '{"step":"1","epoch":0,"time":0.5,"scalars":{}}',
        '{"step":true,"epoch":0,"time":0.5,"scalars":{}}',
        '{"step":1,"epoch":0,"time":"x","scalars":{}}',
        '{"step":1,"epoch":0,"time":0.5,"scalars":[]}',
        '{"step":1,"epoch":0,"time":0.5,"scalars":{"a":"x"}}',
        '{"step":1,"epoch":0,"time":0.5,"scalars":{"a":NaN}}',
        '{"step":1,"epoch":0,"time":0.5,"scalars":{"a":%s}}' % ("9" * 400),
        '{"step":1,"epoch":0,"time":0.5,"scalars":{},"histograms":{"a":{}}}',
        '{"step":1,"epoch":0,"time":0.5,"scalars":{},"x":%s}' % ("[" * 50_000 + "]" * 50_000),
    ],
)
def test_a_right_checksum_does_not_make_a_record(tmp_path: Path, body: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(body[:-1] + f',"crc":{zlib.crc32(body.encode())}}}\n')
    assert read(path) == ([], [1])


def test_a_torn_last_line_does_not_spoil_the_next_record(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = _write_five(path)
    path.write_bytes(b"".join(lines)[:-7])
    with Journal(path) as again:
        again.write(step=9, epoch=1, scalars={})
    records, damaged = read(path)
    assert [record["step"] for record in records] == [0, 1, 2, 3, 9]
    assert damaged == [5]


def test_reopening_appends(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    _write_five(path)
    _write_five(path)
    records, damaged = read(path)
    assert [record["step"] for record in records] == [0, 1, 2, 3, 4] * 2
    assert damaged == []


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.jsonl"
    write, calls = os.write, []

    def half_then_full(descriptor: int, rest: memoryview) -> int:
        calls.append(len(rest))
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(descriptor, rest[: len(rest) // 2])

    with Journal(path) as lines:
        lines.write(step=0, epoch=0, scalars={})
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", half_then_full)
            with pytest.raises(OSError, match="No space"):
                lines.write(step=1, epoch=0, scalars={})
        assert len(calls) == 2
        lines.write(step=2, epoch=0, scalars={})
    records, damaged = read(path)
    assert [record["step"] for record in records] == [0, 2]
    assert damaged == []


def test_sync_and_close_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    path = tmp_path / "metrics.jsonl"
    lines = Journal(path)
    monkeypatch.setattr(os, "fsync", watched)
    lines.sync()
    assert synced == [path.stat().st_ino]
    lines.close()
    lines.close()
    assert synced == [path.stat().st_ino] * 2


def test_comparable_leaves_out_time_alone(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with Journal(path) as lines:
        for speed in (1.0, 2.0):
            lines.write(
                step=3,
                epoch=1,
                scalars={
                    "val/loss": math.nan,
                    "speed/images_per_second": speed,
                    "seconds/train": speed,
                },
            )
        lines.write(step=3, epoch=1, scalars={"val/loss": 0.5})
    (one, two, other), _ = read(path)
    assert comparable(one) == {"step": 3, "epoch": 1, "scalars": {"val/loss": "nan"}}
    assert comparable(one) == comparable(two)
    assert comparable(one) != comparable(other)


@pytest.mark.parametrize("kind", ["missing", "folder", "link", "pipe"])
def test_only_a_regular_file_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "metrics.jsonl"
    if kind == "folder":
        path.mkdir()
    if kind == "link":
        (tmp_path / "elsewhere").write_bytes(b"")
        path.symlink_to(tmp_path / "elsewhere")
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(RunError, match=r"metrics\.jsonl"):
        read(path)


def test_a_journal_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"precious")
    (tmp_path / "metrics.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        Journal(tmp_path / "metrics.jsonl")
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"


def test_cut_back_gives_the_journal_of_that_moment(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    sizes, contents = [], []
    with Journal(path) as lines:
        for step in range(4):
            sizes.append(lines.size())
            contents.append(path.read_bytes())
            lines.write(step=step, epoch=0, scalars={"train/loss": 0.5})
    for size, content in reversed(list(zip(sizes, contents, strict=True))):
        cut_back(path, size)
        assert path.read_bytes() == content
    assert sizes[0] == 0


@pytest.mark.parametrize("change", [-1, 1, 1000, -(2**40)])
def test_cut_back_refuses_what_is_no_end_of_a_record(tmp_path: Path, change: int) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = _write_five(path)
    before = path.read_bytes()
    with pytest.raises(RunError, match="no record that ends at byte"):
        cut_back(path, len(lines[0]) + len(lines[1]) + change)
    assert path.read_bytes() == before


def test_cut_back_drops_a_torn_line_and_needs_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = _write_five(path)
    with path.open("ab") as file:
        file.write(lines[0][:-5])
    cut_back(path, sum(map(len, lines)))
    assert path.read_bytes() == b"".join(lines)
    with pytest.raises(RunError):
        cut_back(tmp_path / "missing", 0)
