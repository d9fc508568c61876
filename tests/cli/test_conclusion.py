"""What a run leaves at its end for those who look: results, pictures, and how it ended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS

from clipbench.cli.main import main
from clipbench.cli.stopping import StopRequest
from clipbench.records.hparams import METRICS
from clipbench.records.journal import read
from clipbench.records.run_dir import read_run
from clipbench.records.threshold_tags import first_values, movement

WORDS = ["train", "experiment=smoke", "trainer.device=cpu", "trainer.epochs=1"]


def _train(folder: Path, *words: str) -> int:
    return main([*WORDS, f"hydra.run.dir={folder}", *words])


def _status(folder: Path) -> int:
    view = EventAccumulator(str(folder)).Reload()
    content = view.SummaryMetadata(metadata.SESSION_END_INFO_TAG).plugin_data.content
    return metadata.parse_session_end_info_plugin_data(content).status


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    # One step an epoch is too few to be always right, so that there are mistakes to show.
    assert _train(folder, "data.val_size=1500", "optim.lr=1e-5", "clip=learnable") == 0
    return folder


def test_a_finished_run_is_a_success(run: Path) -> None:
    assert _status(run) == STATUS_SUCCESS


def test_the_last_record_holds_what_runs_are_compared_by(run: Path) -> None:
    records, results = read(run / "metrics.jsonl")[0], read_run(run)["results"]
    last = records[-1]["scalars"]
    assert set(last) == set(METRICS) - {"val/accuracy"}
    assert last == {tag: results[tag] for tag in last}
    start = first_values(record["scalars"] for record in records)
    assert start == {"threshold/fc1/upper": 1.0, "threshold/fc2/upper": 1.0}
    assert last["threshold_movement/mean"] == movement(start, results) > 0


def test_pictures_are_kept_and_shown(run: Path) -> None:
    kept = {file.name.split("-")[0]: file for file in (run / "images").iterdir()}
    assert set(kept) == {"samples", "confusion", "mistakes", "thresholds"}
    view = EventAccumulator(str(run)).Reload()
    assert set(view.Tags()["images"]) == set(kept)
    for tag, file in kept.items():
        (event,) = view.Images(tag)
        assert event.encoded_image_string == file.read_bytes()
        with Image.open(file) as image:
            assert image.size == (event.width, event.height)
            assert len(np.unique(np.asarray(image))) > 2


def test_a_clip_without_thresholds_has_neither_movement_nor_their_picture(tmp_path: Path) -> None:
    assert _train(tmp_path / "run", "clip=relu") == 0
    assert "threshold_movement/mean" not in read_run(tmp_path / "run")["results"]
    names = {file.name.split("-")[0] for file in (tmp_path / "run" / "images").iterdir()}
    assert "thresholds" not in names
    assert "confusion" in names


def test_a_diverged_run_is_a_failure_and_has_no_results(tmp_path: Path) -> None:
    assert _train(tmp_path / "run", "optim.lr=1e30") == 5
    assert _status(tmp_path / "run") == STATUS_FAILURE
    tags = set(EventAccumulator(str(tmp_path / "run")).Reload().Tags()["scalars"])
    assert not tags & (set(METRICS) - {"val/accuracy"})


def test_an_interrupted_run_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(request: StopRequest) -> bool:
        request.code = 130
        return True

    monkeypatch.setattr(StopRequest, "__call__", stop)
    assert _train(tmp_path / "run") == 130
    assert read_run(tmp_path / "run")["status"] == "interrupted"
    assert _status(tmp_path / "run") == STATUS_FAILURE
