"""Results on the disk: whole round trip, and nothing believed that has another form."""

import copy
import json
import os

import pytest

from clipbench.bench.measure import Measure, Part, Row
from clipbench.bench.results import (
    MAX_BYTES,
    as_json,
    from_json,
    here,
    read_results,
    write_results,
)
from clipbench.records.reading import RunError


def some_results():
    row = Row("relu", {"forward": Measure("ns/element", (0.5, 0.25)), "r": Measure("x", (1.0,))})
    part = Part("clips", {"shape": "2x3", "turns": 2}, [row], ["a note"])
    return here([part, Part("data", {}, [], [])], device="cpu", threads=2)


def test_what_was_written_is_read_again(tmp_path):
    results = some_results()
    write_results(tmp_path / "b.json", results)
    assert read_results(tmp_path / "b.json") == results


def test_it_says_which_machine_and_versions_but_names_no_host(tmp_path):
    document = as_json(some_results())
    assert document["versions"]["torch"]
    assert document["machine"]["cpu_count"] == os.cpu_count()
    assert os.uname().nodename not in json.dumps(document)


def _set(document, path, value):
    *way, last = path
    for key in way:
        document = document[key]
    document[last] = value


WRONG = [
    (["format"], "other"),
    (["schema"], 2),
    (["threads"], True),
    (["threads"], 0),
    (["device"], 3),
    (["versions"], []),
    (["machine"], None),
    (["parts"], []),
    (["parts", "clips"], 1),
    (["parts", "clips", "notes"], [1]),
    (["parts", "clips", "settings"], {"shape": []}),
    (["parts", "clips", "rows"], []),
    (["parts", "clips", "rows", "relu"], "fast"),
    (["parts", "clips", "rows", "relu", "forward"], 1.0),
    (["parts", "clips", "rows", "relu", "forward", "unit"], None),
    (["parts", "clips", "rows", "relu", "forward", "values"], []),
    (["parts", "clips", "rows", "relu", "forward", "values"], [0.5, -1.0]),
    (["parts", "clips", "rows", "relu", "forward", "values"], ["0.5"]),
    (["parts", "clips", "rows", "relu", "forward", "values"], [10**400]),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=lambda v: str(v)[:40])
def test_another_form_is_refused(path, value):
    document = copy.deepcopy(as_json(some_results()))
    from_json(document)
    _set(document, path, value)
    with pytest.raises(ValueError, match="needs|is no|holds"):
        from_json(document)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b"NaN", b"[" * 100_000, b" " * (MAX_BYTES + 1)],
    ids=["empty", "torn", "a list", "no text", "no number", "too deep", "too large"],
)
def test_a_file_that_is_no_bench_is_refused_in_three_lines(tmp_path, content):
    file = tmp_path / "b.json"
    file.write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_results(file)
    what, where, remedy = str(caught.value).splitlines()
    assert where == str(file)
    assert "clipbench bench --json" in remedy


def test_a_pipe_or_a_link_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    write_results(tmp_path / "b.json", some_results())
    (tmp_path / "link").symlink_to(tmp_path / "b.json")
    for name in ("pipe", "link", "missing"):
        with pytest.raises(RunError, match="Name a file that clipbench bench --json wrote"):
            read_results(tmp_path / name)
