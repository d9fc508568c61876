"""The fast way to the scalars gives what the journal gives, and trusts no damaged line."""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipbench.records.histogram import Histogram
from clipbench.records.journal import Journal, read
from clipbench.records.reading import RunError
from clipbench.records.scalars import read_scalars

HISTOGRAM = Histogram(
    min=-1.0, max=1.0, sum=0.1, sum_squares=0.5, num=2, limits=[0.0, 1.0], counts=[1, 1]
)
# What stands before the histograms, as a tag: the writer escapes its quotation marks.
TRAP = '},"histograms":{"'


def written(path: Path) -> Path:
    with Journal(path) as lines:
        lines.write(step=0, epoch=0, scalars={"threshold/a/upper": 1.0, "b": math.inf})
        lines.write(step=9, epoch=1, scalars={TRAP: 0.5, "c": 2}, histograms={"h": HISTOGRAM})
        lines.write(step=9, epoch=1, scalars={})
    return path


def test_it_gives_what_the_journal_gives(tmp_path):
    path = written(tmp_path / "metrics.jsonl")
    samples, damaged = read_scalars(path)
    records, _ = read(path)
    assert damaged == 0
    assert [sample._asdict() for sample in samples] == [
        {key: record[key] for key in ("step", "epoch", "scalars")} for record in records
    ]


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=20), st.floats(width=64), max_size=4))
def test_every_float_comes_back(tmp_path_factory, scalars):
    path = tmp_path_factory.mktemp("journal") / "metrics.jsonl"
    with Journal(path) as lines:
        lines.write(step=0, epoch=0, scalars=scalars, histograms={"h": HISTOGRAM})
    (sample,), damaged = read_scalars(path)
    assert damaged == 0
    assert [*map(repr, sample.scalars.values())] == [*map(repr, scalars.values())]


def test_any_changed_byte_costs_its_line_alone(tmp_path):
    path = written(tmp_path / "metrics.jsonl")
    whole = path.read_bytes()
    ends = [k for k, byte in enumerate(whole) if byte == ord("\n")]
    for place in set(range(len(whole))) - set(ends):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        samples, damaged = read_scalars(path)
        # A byte that becomes the end of a line makes two damaged pieces of one.
        assert (len(samples), damaged >= 1) == (2, True), place


def test_a_torn_end_costs_the_last_line(tmp_path):
    path = written(tmp_path / "metrics.jsonl")
    path.write_bytes(path.read_bytes()[:-5])
    samples, damaged = read_scalars(path)
    assert (len(samples), damaged) == (2, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"[1]",
        b"{}",
        b'{"step":"1","epoch":0,"scalars":{}}',
        b'{"step":1,"epoch":null,"scalars":{}}',
        b'{"step":1,"epoch":0,"scalars":[]}',
        b'{"step":1,"epoch":0,"scalars":{"a":"text"}}',
        b'{"step":1,"epoch":0,"scalars":{"a":{}}}',
        b'{"step":1,"epoch":0,"scalars":{"a":' + b"[" * 5000 + b"}}",
        b'{"step":1,"epoch":0,"scalars":{"\xff":1.0}}',
        b'{"step":1,"epoch":0,"scalars":{}},{"step":2,"epoch":0,"scalars":{}}',
    ],
)
def test_a_right_checksum_proves_no_record(tmp_path, body):
    path = written(tmp_path / "metrics.jsonl")
    good, _ = read_scalars(path)
    with path.open("ab") as file:
        file.write(body[:-1] + b',"crc":%d}\n' % zlib.crc32(body))
    assert read_scalars(path) == (good, 1)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(RunError):
        read_scalars(tmp_path / "metrics.jsonl")


def test_a_journal_of_a_terabyte_of_holes_is_refused_unread(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with path.open("wb") as file:
        file.truncate(2**40)
    for reader in (read_scalars, read):
        with pytest.raises(RunError, match="larger than"):
            reader(path)
