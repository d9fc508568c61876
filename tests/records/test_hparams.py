"""The records of the HParams page, as its own code reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS

from clipbench.records import hparams
from clipbench.records.hparams import FIRST, GROUPS, METRICS, NUMBERS, OTHERS, TEXTS
from clipbench.records.run_dir import RunDirectory, read_run
from tests.records.written import config_of


def _start(tmp_path: Path, config: dict[str, Any], *overrides: str) -> Any:
    RunDirectory.create(
        tmp_path, config=config, device="cpu", threads=1, stack=1, data={},
        overrides=overrides,
    )  # fmt: skip
    entry = hparams.session_start(read_run(tmp_path))
    assert entry.tag == metadata.SESSION_START_INFO_TAG
    return metadata.parse_session_start_info_plugin_data(entry.metadata.plugin_data.content)


def _columns() -> Any:
    content = hparams.experiment().metadata.plugin_data.content
    return metadata.parse_experiment_plugin_data(content)


def test_the_columns_are_all_choices_and_measures() -> None:
    columns = _columns()
    assert {info.name for info in columns.hparam_infos} == {*GROUPS, *TEXTS, *NUMBERS, OTHERS}
    assert [info.name.tag for info in columns.metric_infos] == list(METRICS)
    assert {info.name for info in columns.hparam_infos if info.differs} == set(FIRST)
    assert set(FIRST) <= {*GROUPS, *NUMBERS}


def test_choices_are_texts_and_numbers_are_numbers(tmp_path: Path) -> None:
    config = config_of(clip="pact", grad_clip={"_target_": "clipbench.grad_clips.norm.ByNorm"})
    start = _start(tmp_path, config, "optim.lr=0.005", "probe=[]", "seed=0", "clip.init=1.0")
    texts = {
        name: v.string_value for name, v in start.hparams.items() if v.HasField("string_value")
    }
    numbers = {n: v.number_value for n, v in start.hparams.items() if v.HasField("number_value")}
    assert texts == {
        "clip": "pact", "model": "mlp", "data": "digits", "optim": "adamw", "schedule": "",
        "grad_clip": "norm", "regularizer": "", "clip.init": "1.0", "clip.per": "layer",
        "model.widths": "[16, 8]", OTHERS: "probe=[]",
    }  # fmt: skip
    assert numbers == {"optim.lr": 0.005, "trainer.epochs": 3, "trainer.batch_size": 128}
    # A key of another kind would have no column.
    kinds = {info.name: info.type for info in _columns().hparam_infos}
    assert {kinds[name] for name in texts} == {hparams.DATA_TYPE_STRING}
    assert {kinds[name] for name in numbers} == {hparams.DATA_TYPE_FLOAT64}


def test_the_typed_word_names_the_choice(tmp_path: Path) -> None:
    start = _start(tmp_path, config_of(clip="relu"), "clip=gradient")
    assert start.hparams["clip"].string_value == "gradient"


def test_runs_that_differ_in_the_seed_alone_share_a_group(tmp_path: Path) -> None:
    one = _start(tmp_path / "a", config_of(seed=0))
    two = _start(tmp_path / "b", config_of(seed=1))
    other = _start(tmp_path / "c", config_of("pact"))
    assert one.group_name == two.group_name != other.group_name
    assert one.group_name == f"learnable {read_run(tmp_path / 'a')['group'][:8]}"
    assert abs(one.start_time_secs - hparams.started(read_run(tmp_path / "a"))) < 1
    assert one.start_time_secs > 1e9


@pytest.mark.parametrize("times", [None, [], {}, {"started": 3}, {"started": "yesterday"}])
def test_a_manifest_that_does_not_say_when_began_at_zero(tmp_path: Path, times: Any) -> None:
    _start(tmp_path, config_of())
    manifest: Any = {**read_run(tmp_path), "times": times}
    assert hparams.started(manifest) == 0.0


@pytest.mark.parametrize("status", ["finished", "failed", "diverged", "interrupted"])
def test_only_a_finished_run_is_a_success(status: Any) -> None:
    entry = hparams.session_end(status, time=1e9)
    end = metadata.parse_session_end_info_plugin_data(entry.metadata.plugin_data.content)
    assert entry.tag == metadata.SESSION_END_INFO_TAG
    assert end.status == (STATUS_SUCCESS if status == "finished" else STATUS_FAILURE)
    assert end.end_time_secs == 1e9
