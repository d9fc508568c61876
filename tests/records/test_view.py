"""A view says what the records say, and can be made again from them, in every reader."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.context import RequestContext
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE
from tensorboard.summary.writer.record_writer import masked_crc32c

from clipbench.records.journal import JOURNAL_FILE, Journal
from clipbench.records.layout import run_layout
from clipbench.records.reading import RunError
from clipbench.records.recorder import Recorder
from clipbench.records.run_dir import RUN_FILE
from clipbench.records.tensorboard import EVENT_FILES
from clipbench.records.view import rebuild
from tests.records.written import EPOCH_STEPS, epoch_scalars, write_records, write_run

ALL = {"scalars": 0, "histograms": 0, "images": 0}


def _raw_events(folder: Path) -> list[Event]:
    """Read the frames by hand, checksums proved, as the simplest of readers would."""
    events = []
    for file in sorted(folder.glob(EVENT_FILES)):
        content = file.read_bytes()
        while content:
            size = int.from_bytes(content[:8], "little")
            body, crc = content[12 : 12 + size], content[12 + size : 16 + size]
            assert int.from_bytes(crc, "little") == masked_crc32c(body)
            events.append(Event.FromString(body))
            content = content[16 + size :]
    return events


def _content(folder: Path) -> list[tuple[int, str, bytes]]:
    """Step, tag and value of every entry, in the order of tags."""
    entries = [
        (event.step, value) for event in _raw_events(folder) for value in event.summary.value
    ]
    return sorted((step, value.tag, value.SerializeToString()) for step, value in entries)


def _points(folder: Path, tag: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder), size_guidance=ALL).Reload().Scalars(tag)
    return [(event.step, round(event.value, 6)) for event in events]


def _hparams(folder: Path) -> dict[str, bytes]:
    multiplexer = EventMultiplexer()
    multiplexer.AddRun(str(folder), "run")
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(folder))
    found = provider.list_tensors(RequestContext(), experiment_id="", plugin_name="hparams")
    return {tag: series.plugin_content for tag, series in found.get("run", {}).items()}


def test_a_view_made_again_says_the_same(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    before, time = _content(run), [event.wall_time for event in _raw_events(run)][2:-1]
    for file in run.glob(EVENT_FILES):
        file.unlink()
    rebuild(run)
    ends = {metadata.SESSION_START_INFO_TAG, metadata.SESSION_END_INFO_TAG}  # hold times in seconds
    assert [entry for entry in _content(run) if entry[1] not in ends] == [
        entry for entry in before if entry[1] not in ends
    ]
    assert {tag for _, tag, _ in before} >= ends | {"samples", "config", "activation/fc1"}
    again = [event.wall_time for event in _raw_events(run)][2:-1]
    assert sorted(again) == pytest.approx(sorted(time), abs=1.0)
    assert not list(run.glob(".tmp-*"))


def test_a_damaged_event_file_is_replaced(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (file,) = run.glob(EVENT_FILES)
    whole = _points(run, "val/accuracy")
    file.write_bytes(file.read_bytes()[:300])
    (run / "events.out.tfevents.0000000001.other.1.0").write_bytes(b"rubbish")
    rebuild(run)
    assert len(list(run.glob(EVENT_FILES))) == 1
    assert _points(run, "val/accuracy") == whole
    assert len(whole) == 3


def test_the_journal_is_told_as_one_curve(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", epochs=3, status="running")
    with Recorder(run) as recorder:  # killed in the third epoch, taken up after the second
        recorder.write(step=2 * EPOCH_STEPS, epoch=2, scalars={"threshold/fc1/upper": 1.2})
        write_records(recorder, seed=5, epochs=(3, 4))
    expected = [(10, 0.6), (20, 0.7), (30, 0.85), (40, 0.95)]
    assert _points(run, "val/accuracy") == expected
    seen = [(e.step, v.tag) for e in _raw_events(run) for v in e.summary.value]
    assert len(seen) == len(set(seen))
    rebuild(run)
    assert _points(run, "val/accuracy") == expected
    assert [step for step, _ in _points(run, "threshold/fc1/upper")] == [0, 10, 20, 30, 40]


def test_a_view_without_a_manifest_has_curves_and_no_choices(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / RUN_FILE).write_text("{}")
    rebuild(run)
    assert len(_points(run, "val/accuracy")) == 3
    assert _hparams(run) == {}


def test_a_view_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run")
    before = {file: file.read_bytes() for file in run.glob(EVENT_FILES)}
    write, seen = os.write, []

    def fail(descriptor: int, content: Any) -> int:
        seen.append(descriptor)
        if len(seen) > 8:
            raise OSError(28, "No space left on device")
        return write(descriptor, content)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(OSError, match="No space"):
            rebuild(run)
    assert {file: file.read_bytes() for file in run.glob(EVENT_FILES)} == before
    assert not list(run.glob(".tmp-*"))


def test_a_file_that_is_no_image_is_passed_over(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "images" / "other-00000000.png").write_bytes(b"GIF89a")
    rebuild(run)
    tags = {value.tag for event in _raw_events(run) for value in event.summary.value}
    assert "samples" in tags
    assert "other" not in tags


def test_records_that_no_event_file_can_hold_are_an_error(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    before = sorted(run.glob(EVENT_FILES))
    with Journal(run / JOURNAL_FILE) as journal:
        journal.write(step=99, epoch=9, scalars={"half a letter: \ud800": 1.0})
    with pytest.raises(RunError, match="cannot be shown"):
        rebuild(run)
    assert sorted(run.glob(EVENT_FILES)) == before


@pytest.mark.parametrize("status", ["finished", "interrupted", "running"])
def test_the_session_is_told_with_its_true_end(tmp_path: Path, status: Any) -> None:
    run = write_run(tmp_path / "run", status=status)
    for _ in range(2):
        found = _hparams(run)
        start = metadata.parse_session_start_info_plugin_data(
            found[metadata.SESSION_START_INFO_TAG]
        )
        assert start.hparams["clip"].string_value == "learnable"
        assert (metadata.SESSION_END_INFO_TAG in found) == (status != "running")
        if status == "interrupted":
            end = metadata.parse_session_end_info_plugin_data(found[metadata.SESSION_END_INFO_TAG])
            assert end.status == STATUS_FAILURE
        rebuild(run)


def test_all_runs_bring_the_same_columns(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / clip, clip=clip) for clip in ("relu", "learnable")]
    one, other = (_hparams(run)[metadata.EXPERIMENT_TAG] for run in runs)
    assert one == other


def test_a_threshold_stands_among_its_inputs_at_their_steps(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    shown = _points(run, "threshold_by_epoch/fc1/upper")
    assert shown == [(10, 1.1), (20, 1.2), (30, 1.3)]
    assert [step for step, _ in shown] == [
        step for step, _ in _points(run, "activation_quantile/fc1/q50")
    ]
    none = write_run(tmp_path / "prelu", clip="prelu")  # a slope is no place among inputs
    tags = {value.tag for event in _raw_events(none) for value in event.summary.value}
    assert not [tag for tag in tags if tag.startswith("threshold_by_epoch")]


def test_the_layout_comes_with_the_first_epoch(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    layouts = [
        value.tensor.string_val[0]
        for event in _raw_events(run)
        for value in event.summary.value
        if value.tag == "custom_scalars__config__"
    ]
    (layout,) = (Layout.FromString(content) for content in layouts)
    tags = {"train/loss", "threshold/fc1/upper", *epoch_scalars(1, 0)}
    assert layout == run_layout(sorted(tags))


def test_a_fresh_folder_has_an_empty_view(tmp_path: Path) -> None:
    Recorder(tmp_path).close()
    assert sorted(path.name[:20] for path in tmp_path.iterdir()) == [
        "events.out.tfevents.",
        JOURNAL_FILE,
    ]
