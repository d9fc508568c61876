"""What is written is what TensorBoard shows, through both of its Python readers."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing import (
    data_provider,
    plugin_event_multiplexer,
)
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.context import RequestContext

from clipbench.records import png
from clipbench.records.histogram import BINS, Histogram
from clipbench.records.tensorboard import EVENT_FILES, TensorBoardWriter, append

ALL = {"scalars": 0, "histograms": 0, "images": 0}
VALUES = np.random.default_rng(0).normal(size=1000)
PIXELS = np.random.default_rng(1).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def _histogram(values: np.ndarray) -> Histogram:
    counts, edges = np.histogram(values, bins=BINS)
    return Histogram(
        min=float(values.min()),
        max=float(values.max()),
        sum=float(values.sum()),
        sum_squares=float(np.square(values).sum()),
        num=values.size,
        limits=edges[1:].tolist(),
        counts=counts.tolist(),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    with TensorBoardWriter(path) as writer:
        for step in range(20):
            scalars = {"val/loss": 0.5 / (step + 1), "sparsity/conv1": 0.25}
            writer.scalars(step, scalars, wall_time=1e9 + step)
        writer.scalars(20, {"broken": math.nan})
        writer.histogram(5, "activation/conv1", _histogram(VALUES), wall_time=1e9)
        writer.histogram(5, "activation/constant", _histogram(np.full(7, 2.5)))
        writer.image(5, "samples/train", png.encode(PIXELS), size=(6, 4))
        writer.text(0, "run/summary", "**bold** é")
    return path


@pytest.fixture(scope="module")
def classic(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder)).Reload()


@pytest.fixture(scope="module")
def provider(folder: Path) -> data_provider.MultiplexerDataProvider:
    # The provider is what TensorBoard's own dashboards ask, after conversion to its current forms.
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRun(str(folder), "run")
    multiplexer.Reload()
    return data_provider.MultiplexerDataProvider(multiplexer, str(folder))


def _ask(provider: data_provider.MultiplexerDataProvider, kind: str, plugin: str) -> dict:
    read = getattr(provider, f"read_{kind}")
    return read(RequestContext(), experiment_id="", plugin_name=plugin, downsample=1000)["run"]


def test_one_event_file_a_writer(folder: Path, tmp_path: Path) -> None:
    (name,) = os.listdir(folder)
    assert name.startswith("events.out.tfevents.")
    with TensorBoardWriter(tmp_path), TensorBoardWriter(tmp_path):
        assert len(os.listdir(tmp_path)) == 2


def test_scalars_read_back_with_step_and_time(classic: EventAccumulator) -> None:
    events = classic.Scalars("val/loss")
    assert [event.step for event in events] == list(range(20))
    assert [event.wall_time for event in events] == [1e9 + step for step in range(20)]
    assert [event.value for event in events] == [
        float(np.float32(0.5 / (step + 1))) for step in range(20)
    ]
    assert math.isnan(classic.Scalars("broken")[0].value)


def test_scalars_reach_the_dashboard(provider: data_provider.MultiplexerDataProvider) -> None:
    shown = _ask(provider, "scalars", "scalars")
    assert shown.keys() == {"val/loss", "sparsity/conv1", "broken"}
    assert [point.value for point in shown["sparsity/conv1"]] == [0.25] * 20


def test_histograms_read_back_whole(classic: EventAccumulator) -> None:
    (event,) = classic.Histograms("activation/conv1")
    expected, got = _histogram(VALUES), event.histogram_value
    assert (event.step, event.wall_time) == (5, 1e9)
    assert (got.min, got.max, got.num) == (expected["min"], expected["max"], expected["num"])
    assert (got.sum, got.sum_squares) == (expected["sum"], expected["sum_squares"])
    assert got.bucket_limit == expected["limits"]
    assert got.bucket == expected["counts"]


@pytest.mark.parametrize("plugin", ["histograms", "distributions"])
def test_histograms_reach_the_dashboard(
    provider: data_provider.MultiplexerDataProvider, plugin: str
) -> None:
    # Both dashboards show the data of the histograms plugin.
    shown = _ask(provider, "tensors", "histograms")
    assert shown.keys() == {"activation/conv1", "activation/constant"}
    (point,) = shown["activation/conv1"]
    buckets = point.numpy
    assert buckets.shape == (BINS, 3)
    assert buckets[:, 2].sum() == VALUES.size
    assert buckets[0, 0] == pytest.approx(VALUES.min())
    assert buckets[-1, 1] == pytest.approx(VALUES.max())
    assert np.all(buckets[:, 1] >= buckets[:, 0])
    ((constant,),) = shown["activation/constant"][0].numpy[None]
    assert constant.tolist() == [2.5, 2.5, 7.0]


def test_images_read_back_pixel_by_pixel(
    classic: EventAccumulator, provider: data_provider.MultiplexerDataProvider
) -> None:
    (event,) = classic.Images("samples/train")
    assert (event.step, event.height, event.width) == (5, 4, 6)
    assert event.encoded_image_string == png.encode(PIXELS)
    (point,) = _ask(provider, "blob_sequences", "images")["samples/train"]
    blobs = [provider.read_blob(RequestContext(), blob_key=ref.blob_key) for ref in point.values]
    assert blobs == [b"6", b"4", png.encode(PIXELS)]


def test_texts_reach_the_dashboard(provider: data_provider.MultiplexerDataProvider) -> None:
    (point,) = _ask(provider, "tensors", "text")["run/summary"]
    assert point.numpy.tolist() == ["**bold** é".encode()]


def test_an_event_is_readable_as_soon_as_it_is_written(tmp_path: Path) -> None:
    writer = TensorBoardWriter(tmp_path)
    writer.scalars(1, {"a": 1.0})
    assert len(EventAccumulator(str(tmp_path)).Reload().Scalars("a")) == 1
    writer.close()
    writer.close()


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TensorBoardWriter(tmp_path / "missing")


def test_a_tag_gets_one_point_a_step_and_steps_only_go_on(tmp_path: Path) -> None:
    with TensorBoardWriter(tmp_path) as writer:
        for step in (0, 3, 3, 2, 5):
            writer.scalars(step, {"a": float(step)}, wall_time=1e9)
            writer.histogram(step, "h", _histogram(VALUES))
            writer.image(step, "i", png.encode(PIXELS), size=(6, 4))
        writer.scalars(4, {"b": 1.0})
    view = EventAccumulator(str(tmp_path), size_guidance=ALL).Reload()
    for events in (view.Scalars("a"), view.Histograms("h"), view.Images("i")):
        assert [event.step for event in events] == [0, 3, 5]
    assert len(view.Scalars("b")) == 1


def test_a_hidden_file_takes_the_place_of_all_others_at_once(tmp_path: Path) -> None:
    for _ in range(2):
        with TensorBoardWriter(tmp_path) as writer:
            writer.scalars(7, {"a": 1.0, "old": 1.0})
    before = sorted(tmp_path.glob(EVENT_FILES))
    hidden = TensorBoardWriter(tmp_path, hidden=True)
    hidden.scalars(1, {"a": 2.0})
    assert sorted(tmp_path.glob(EVENT_FILES)) == before
    hidden.publish()
    (file,) = tmp_path.glob(EVENT_FILES)
    assert file not in before
    hidden.scalars(2, {"a": 3.0})
    hidden.close()
    assert os.listdir(tmp_path) == [file.name]
    view = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in view.Scalars("a")] == [(1, 2.0), (2, 3.0)]
    assert view.Tags()["scalars"] == ["a"]


def test_a_hidden_file_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    TensorBoardWriter(tmp_path, hidden=True).close()
    assert os.listdir(tmp_path) == []


def test_of_two_files_in_a_folder_the_newer_counts(tmp_path: Path) -> None:
    for value, steps in ((1.0, 4), (2.0, 3)):
        with TensorBoardWriter(tmp_path) as writer:
            for step in range(steps):
                writer.scalars(step, {"a": value})
    reader = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in reader.Scalars("a")] == [(0, 2.0), (1, 2.0), (2, 2.0)]


def test_an_entry_is_added_to_the_newest_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        append(tmp_path, Summary.Value(tag="a", simple_value=1.0))
    with TensorBoardWriter(tmp_path) as writer:
        writer.scalars(1, {"a": 1.0})
    append(tmp_path, Summary.Value(tag="b", simple_value=2.0))
    assert len(os.listdir(tmp_path)) == 1
    view = EventAccumulator(str(tmp_path)).Reload()
    assert view.Tags()["scalars"] == ["a", "b"]


def test_a_full_disk_leaves_no_hidden_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, content: memoryview) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        TensorBoardWriter(tmp_path, hidden=True)
    assert list(tmp_path.iterdir()) == []
