"""A manifest is read exactly or refused in three lines."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clipbench.records import run_dir
from clipbench.records.json_text import sha256
from clipbench.records.reading import RunError
from clipbench.records.run_dir import MAX_BYTES, RUN_FILE, RunDirectory, read_run

CONFIG: dict[str, Any] = {
    "seed": 3,
    "grad_clip": {"max_norm": math.inf},
    "data": {"root": "/a", "val_size": 10},
}


def _create(path: Path, config: dict[str, Any] = CONFIG) -> RunDirectory:
    return RunDirectory.create(
        path,
        config=config,
        device="cpu",
        threads=2,
        stack=1,
        data={"name": "digits"},
        overrides=["seed=3"],
    )


def _assert_clear(error: pytest.ExceptionInfo[RunError], path: Path) -> None:
    lines = str(error.value).split("\n")
    assert len(lines) == 3
    assert str(path) in lines[1]
    assert all(line.strip() for line in lines)


def test_a_run_that_begins_is_running(tmp_path: Path) -> None:
    _create(tmp_path / "deep" / "run")
    held = read_run(tmp_path / "deep" / "run")
    assert held["status"] == "running"
    assert held["config"] == CONFIG
    assert held["overrides"] == ["seed=3"]
    assert held["seed"] == 3
    assert (held["device"], held["threads"], held["stack"]) == ("cpu", 2, 1)
    assert held["results"] == {}
    assert held["cause"] is None
    assert {"config_hash", "group", "commit", "dirty", "versions", "machine"} <= held.keys()


@pytest.mark.parametrize("status", ["finished", "failed", "diverged", "interrupted"])
def test_an_ending_is_kept_with_its_results(tmp_path: Path, status: Any) -> None:
    run = _create(tmp_path)
    before = read_run(tmp_path)
    results = {"test/accuracy": 0.1 + 0.2, "test/loss": math.nan, "worst": -math.inf}
    run.finish(status, results=results, cause="why")
    held = read_run(tmp_path)
    assert held["status"] == status
    assert held["cause"] == "why"
    assert repr(held["results"]) == repr(results)
    changed = {"status", "cause", "results", "times"}
    assert {k: v for k, v in held.items() if k not in changed} == {
        k: v for k, v in before.items() if k not in changed
    }
    assert held["times"]["finished"] >= held["times"]["started"] == before["times"]["started"]  # type: ignore[index, call-overload]


@pytest.mark.parametrize("status", ["running", "done", ""])
def test_a_run_cannot_end_otherwise(tmp_path: Path, status: Any) -> None:
    run = _create(tmp_path)
    with pytest.raises(ValueError, match="status="):
        run.finish(status, results={})
    assert read_run(tmp_path)["status"] == "running"


def test_a_run_of_the_same_config_starts_again(tmp_path: Path) -> None:
    _create(tmp_path).finish("failed", results={"a": 1.0}, cause="power")
    elsewhere = CONFIG | {"data": {"root": "/b", "val_size": 10}, "name": "x"}
    _create(tmp_path, elsewhere)
    held = read_run(tmp_path)
    assert (held["status"], held["results"], held["cause"]) == ("running", {}, None)


def test_a_folder_of_another_config_is_refused_by_the_keys(tmp_path: Path) -> None:
    _create(tmp_path).finish("finished", results={})
    before = (tmp_path / RUN_FILE).read_bytes()
    other = {"seed": 4, "grad_clip": {"max_norm": 1.0}, "data": {"root": "/b", "val_size": 10}}
    with pytest.raises(RunError, match=r"differs in: grad_clip\.max_norm, seed\.") as error:
        _create(tmp_path, other)
    _assert_clear(error, tmp_path)
    assert (tmp_path / RUN_FILE).read_bytes() == before


def test_many_differing_keys_stay_short(tmp_path: Path) -> None:
    _create(tmp_path)
    with pytest.raises(RunError, match="…") as error:
        _create(tmp_path, CONFIG | {f"key{index}": 0 for index in range(100)})
    _assert_clear(error, tmp_path)
    assert len(str(error.value)) < 1000


def test_a_damaged_manifest_is_never_taken_over(tmp_path: Path) -> None:
    _create(tmp_path)
    (tmp_path / RUN_FILE).write_text("{")
    with pytest.raises(RunError):
        _create(tmp_path)
    assert (tmp_path / RUN_FILE).read_text() == "{"


def test_a_crash_while_writing_leaves_the_old_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _create(tmp_path)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            run.finish("finished", results={})
    assert read_run(tmp_path)["status"] == "running"
    assert os.listdir(tmp_path) == [RUN_FILE]


def test_every_bit_flip_is_refused_or_harmless(tmp_path: Path) -> None:
    _create(tmp_path).finish("finished", results={"test/accuracy": 0.5})
    good = (tmp_path / RUN_FILE).read_bytes()
    intact = read_run(tmp_path)
    refused = 0
    for position in range(0, len(good)):
        flipped = bytearray(good)
        flipped[position] ^= 1 << position % 8
        (tmp_path / RUN_FILE).write_bytes(flipped)
        try:
            assert read_run(tmp_path) == intact
        except RunError:
            refused += 1
    # What is not refused is white space between the parts.
    assert refused > 0.8 * len(good)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    _create(tmp_path)
    good = (tmp_path / RUN_FILE).read_bytes()
    for length in range(0, len(good) - 1, 7):
        (tmp_path / RUN_FILE).write_bytes(good[:length])
        with pytest.raises(RunError):
            read_run(tmp_path)


def _sealed(document: dict[str, Any]) -> bytes:
    return json.dumps(document | {"digest": sha256(document)}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"digest": 1}',
        b'{"a": NaN}',
        b"\xff\x00",
        b"[" * 200_000,
        b'{"digest":"","a":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        _sealed({}),
        _sealed({"format": 2}),
        _sealed({"format": 1, "status": "finished"}),
        _sealed(
            {
                "format": 1,
                "status": ["finished"],
                "config": {},
                "results": {},
                "config_hash": "",
                "group": "",
            }
        ),
    ],
)
def test_a_foreign_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / RUN_FILE).write_bytes(content)
    with pytest.raises(RunError) as error:
        read_run(tmp_path)
    _assert_clear(error, tmp_path / RUN_FILE)


def test_another_format_is_named(tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_bytes(_sealed({"format": 2}))
    with pytest.raises(RunError, match="format 2"):
        read_run(tmp_path)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / RUN_FILE).open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(RunError, match=f"larger than {MAX_BYTES} bytes"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    "kind", ["missing", "folder", "link", "loop", "dangling", "pipe", "device"]
)
def test_only_a_regular_file_is_a_manifest(tmp_path: Path, kind: str) -> None:
    file = tmp_path / RUN_FILE
    if kind == "folder":
        file.mkdir()
    if kind == "link":
        _create(tmp_path / "other")
        file.symlink_to(tmp_path / "other" / RUN_FILE)
    if kind == "loop":
        file.symlink_to(file)
    if kind == "dangling":
        file.symlink_to(tmp_path / "nowhere")
    if kind == "pipe":
        os.mkfifo(file)
    if kind == "device":
        file = Path("/dev") / "full"
    with pytest.raises(RunError) as error:
        run_dir.open_regular(file)
    _assert_clear(error, file)
    if kind not in ("missing", "device"):
        with pytest.raises(RunError):
            _create(tmp_path)


def test_an_error_is_three_lines_whatever_the_names_hold(tmp_path: Path) -> None:
    path = tmp_path / "a\nb\x1b[31m\u202e"
    with pytest.raises(RunError) as error:
        read_run(path)
    assert str(error.value).count("\n") == 2
    assert "\x1b" not in str(error.value)
    assert "\u202e" not in str(error.value)


def test_odd_bytes_in_an_override_survive(tmp_path: Path) -> None:
    typed = os.fsdecode(b"name=\xff\xfe")
    RunDirectory.create(
        tmp_path,
        config=CONFIG,
        device="cpu",
        threads=1,
        stack=1,
        data={},
        overrides=[typed],
    )
    assert read_run(tmp_path)["overrides"] == [typed]


def test_records_never_import_torch() -> None:
    names = sorted(path.stem for path in Path(run_dir.__file__).parent.glob("[a-z]*.py"))
    imports = ", ".join(f"clipbench.records.{name}" for name in names)
    program = f"import sys, {imports}; sys.exit('torch' in sys.modules)"
    assert len(names) > 5
    assert (
        subprocess.run([sys.executable, "-W", "error", "-c", program], check=False).returncode == 0
    )
