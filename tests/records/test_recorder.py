"""A recorder writes to both places, and lives on without TensorBoard."""

from __future__ import annotations

import io
import logging
import math
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from clipbench.records.histogram import BINS, Histogram
from clipbench.records.journal import JOURNAL_FILE, read
from clipbench.records.recorder import Recorder
from clipbench.records.tensorboard import TensorBoardWriter

HISTOGRAM = Histogram(
    min=0.0,
    max=1.0,
    sum=0.5,
    sum_squares=0.25,
    num=1,
    limits=[(k + 1) / BINS for k in range(BINS)],
    counts=[0] * 31 + [1] + [0] * 32,
)


def test_a_record_stands_in_both_places_with_one_time(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        recorder.write(
            step=4,
            epoch=1,
            scalars={"val/loss": 0.5, "val/accuracy": math.nan},
            histograms={"activation/conv1": HISTOGRAM},
        )
        recorder.sync()
    ((record,), damaged) = read(tmp_path / JOURNAL_FILE)
    assert damaged == []
    view = EventAccumulator(str(tmp_path)).Reload()
    (loss,) = view.Scalars("val/loss")
    assert (loss.step, loss.value, loss.wall_time) == (4, 0.5, record["time"])
    (histogram,) = view.Histograms("activation/conv1")
    assert histogram.wall_time == record["time"]
    assert histogram.histogram_value.bucket == record["histograms"]["activation/conv1"]["counts"]


def test_images_stand_in_a_file_and_the_view(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 9, 1), dtype=np.uint8)
    with Recorder(tmp_path) as recorder:
        recorder.image(step=12, tag="samples/train", pixels=pixels)
        recorder.image(step=13, tag="samples/train", pixels=pixels)
        with pytest.raises(ValueError, match="tag='a_b'"):
            recorder.image(step=13, tag="a_b", pixels=pixels)
    assert sorted(os.listdir(tmp_path / "images")) == [
        "samples_train-00000012.png",
        "samples_train-00000013.png",
    ]
    content = (tmp_path / "images" / "samples_train-00000012.png").read_bytes()
    shown, _ = EventAccumulator(str(tmp_path)).Reload().Images("samples/train")
    assert shown.encoded_image_string == content
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (shown.width, shown.height) == (9, 8)


def _fail(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


METHODS = ["__init__", "scalars", "histogram", "image", "publish", "close"]


@pytest.mark.parametrize("method", METHODS)
def test_trouble_with_tensorboard_warns_once_and_stops_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
) -> None:
    monkeypatch.setattr(TensorBoardWriter, method, _fail)
    pixels = np.zeros((2, 2, 1), dtype=np.uint8)
    with caplog.at_level(logging.WARNING), Recorder(tmp_path) as recorder:
        for step in range(3):
            recorder.write(step=step, epoch=0, scalars={"a": 1.0}, histograms={"h": HISTOGRAM})
            recorder.image(step=step, tag="i", pixels=pixels)
    assert len(caplog.records) == 1
    assert "No space left on device" in caplog.text
    records, damaged = read(tmp_path / JOURNAL_FILE)
    assert [record["step"] for record in records] == [0, 1, 2]
    assert damaged == []
    assert len(os.listdir(tmp_path / "images")) == 3


def test_a_run_taken_up_again_is_one_curve(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2, 1), dtype=np.uint8)
    with Recorder(tmp_path) as recorder:
        recorder.image(step=0, tag="i", pixels=pixels)
        for step in (0, 10, 20, 30):
            recorder.write(step=step, epoch=0, scalars={"a": 1.0}, histograms={"h": HISTOGRAM})
    with Recorder(tmp_path) as recorder:  # from a checkpoint at step 20
        recorder.image(step=0, tag="i", pixels=pixels)
        for step in (20, 25, 40):
            recorder.write(step=step, epoch=0, scalars={"a": 2.0}, histograms={"h": HISTOGRAM})
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1
    view = EventAccumulator(str(tmp_path), size_guidance={"histograms": 0}).Reload()
    curve = [(event.step, event.value) for event in view.Scalars("a")]
    assert curve == [(0, 1.0), (10, 1.0), (20, 1.0), (25, 2.0), (40, 2.0)]
    assert [event.step for event in view.Histograms("h")] == [0, 10, 20, 25, 40]
    assert len(view.Images("i")) == 1


def test_trouble_with_the_journal_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recorder(tmp_path) as recorder:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", _fail)
            with pytest.raises(OSError, match="No space"):
                recorder.write(step=0, epoch=0, scalars={})
        recorder.write(step=1, epoch=0, scalars={})
    assert [record["step"] for record in read(tmp_path / JOURNAL_FILE)[0]] == [1]


def test_a_recorder_closes_on_an_error_and_only_once(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    recorder = Recorder(tmp_path)
    with pytest.raises(KeyError), recorder:
        raise KeyError
    recorder.close()
    assert len(os.listdir("/proc/self/fd")) == before
