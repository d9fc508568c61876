"""What TensorBoard's HParams page shows of a run: its choices, its measures and how it ended.

Three records, built from the page's own protos. They stand in the run's own event file, so that
choices and curves are one run there, and the measures are the run's scalars of those tags:

- the *experiment*: which columns there are. TensorBoard takes that of any run, so it is one and the
  same in all, whatever their choices.
- the *session start*: the choices of this run. Runs that differ in the seed alone share a group,
  which the page shows as one row with the mean over them.
- the *session end*: only once it is known how the run ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from google.protobuf.struct_pb2 import Value
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import (
    DATA_TYPE_FLOAT64,
    DATA_TYPE_STRING,
    STATUS_FAILURE,
    STATUS_SUCCESS,
    Experiment,
    HParamInfo,
    MetricInfo,
    MetricName,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)

from clipbench.records.choices import option, target_name
from clipbench.records.run_dir import Manifest, Status

# The choice of a group, by name.
GROUPS = ("clip", "model", "data", "optim", "schedule", "grad_clip", "regularizer")
# Keys whose values are words, lists, or now a number and now a word.
TEXTS = ("clip.init", "clip.per", "model.widths")
NUMBERS = (
    "optim.lr",
    "optim.weight_decay",
    "optim.threshold_lr_scale",
    "grad_clip.max_norm",
    "regularizer.strength",
    "trainer.epochs",
    "trainer.batch_size",
)
# What else was typed: without it two rows could look alike.
OTHERS = "other overrides"
# The page shows five of the choices before it is asked for more, first those that are said to
# differ, by name.
FIRST = ("clip", "data", "grad_clip", "model", "optim.lr")

# The page shows five of these as well. All but the second are recorded once, at the end: a run that
# failed has no part in their means.
METRICS = {
    "test/accuracy": "share of test images classified right",
    "val/accuracy": "share of validation images classified right, so far; of failed runs too",
    "test/sparsity/mean": "share of exact zeros after the clips, mean of sites, test part",
    "threshold_movement/mean": "distance of thresholds from start to end, mean of thresholds",
    "seconds/total": "time of the run in seconds",
    "test/loss": "cross-entropy on the test part",
    "test/saturation/mean": "share of inputs at or beyond a threshold, mean of sites, test part",
}

# Known from the folder's name or without a say in the result.
_NOT_SHOWN = ("seed", "num_seeds", "name", "trust", "data.root", "data.offline")


def experiment() -> Summary.Value:
    """Return the record of all columns, the same for every run."""
    texts = [_column(name, DATA_TYPE_STRING) for name in (*GROUPS, *TEXTS, OTHERS)]
    numbers = [_column(name, DATA_TYPE_FLOAT64) for name in NUMBERS]
    metrics = [
        MetricInfo(name=MetricName(tag=tag), display_name=tag, description=text)
        for tag, text in METRICS.items()
    ]
    columns = Experiment(hparam_infos=texts + numbers, metric_infos=metrics)
    return _record(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=columns))


def session_start(manifest: Manifest) -> Summary.Value:
    """Return the record of a run's choices."""
    start = SessionStartInfo(
        hparams=dict(_choices(manifest)),
        group_name=_group_name(manifest),
        start_time_secs=started(manifest),
    )
    data = HParamsPluginData(session_start_info=start)
    return _record(metadata.SESSION_START_INFO_TAG, data)


def session_end(status: Status, *, time: float) -> Summary.Value:
    """Return the record of how a run ended: success only where it finished.

    Args:
        status: Any but running.
        time: When, in seconds since 1970.
    """
    code = STATUS_SUCCESS if status == "finished" else STATUS_FAILURE
    data = HParamsPluginData(session_end_info=SessionEndInfo(status=code, end_time_secs=time))
    return _record(metadata.SESSION_END_INFO_TAG, data)


def started(manifest: Manifest) -> float:
    """Return when a run began, in seconds since 1970; 0 where its manifest does not say."""
    return _time(manifest, "started")


def ended(manifest: Manifest) -> float:
    """Return when a run ended, in seconds since 1970; 0 where its manifest does not say."""
    return _time(manifest, "finished")


def _group_name(manifest: Manifest) -> str:
    """Name a configuration by its hash, after the clip's own name, by which rows are sorted."""
    return f"{target_name(manifest['config'].get('clip'))} {manifest['group'][:8]}".strip()


def _choices(manifest: Manifest) -> Iterator[tuple[str, Value]]:
    config, overrides = manifest["config"], manifest["overrides"]
    for group in GROUPS:
        yield group, Value(string_value=option(config, overrides, group))
    for key in TEXTS:
        value = _at(config, key)
        if value is not None:
            yield key, Value(string_value=value if isinstance(value, str) else json.dumps(value))
    for key in NUMBERS:
        value = _at(config, key)
        if isinstance(value, int | float):
            yield key, Value(number_value=value)
    yield OTHERS, Value(string_value=" ".join(_others(overrides)))


def _others(overrides: list[str]) -> Iterator[str]:
    for text in overrides:
        key = text.lstrip("+").partition("=")[0]
        if key not in (*GROUPS, *TEXTS, *NUMBERS, *_NOT_SHOWN):
            yield text


def _at(config: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401 -- whatever a config holds
    node: Any = config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _time(manifest: Manifest, key: str) -> float:
    text = _at(cast(Mapping[str, Any], manifest), f"times.{key}")
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _column(name: str, kind: int) -> HParamInfo:
    return HParamInfo(name=name, display_name=name, type=kind, differs=name in FIRST)


def _record(tag: str, data: HParamsPluginData) -> Summary.Value:
    # What counts stands in the metadata; the page reads no value.
    return Summary.Value(
        tag=tag, metadata=metadata.create_summary_metadata(data), tensor=metadata.NULL_TENSOR
    )
