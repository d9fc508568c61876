"""Means over seeds: equal to the statistics of reports, of the seeds that count, and no runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from clipbench.analysis.load import load_runs
from clipbench.analysis.seed_curves import MOST_POINTS, intervals
from clipbench.analysis.statistics import estimate
from clipbench.analysis.summary_runs import refresh_summaries, write_summaries
from clipbench.records.journal import JOURNAL_FILE, Journal
from clipbench.records.layout import SUMMARY
from clipbench.records.reading import RunError
from clipbench.records.tensorboard import EVENT_FILES
from tests.records.written import epoch_scalars, write_run, write_sweep


def _curve(folder: Path, tag: str) -> dict[int, float]:
    view = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    if tag not in view.Tags()["scalars"]:
        return {}
    return {event.step: event.value for event in view.Scalars(tag)}


def _text(folder: Path) -> str:
    view = EventAccumulator(str(folder)).Reload()
    return view.Tensors("seeds")[0].tensor_proto.string_val[0].decode()


@pytest.mark.parametrize("seeds", [2, 3, 10])
def test_intervals_are_those_of_reports(seeds: int) -> None:
    values = np.random.default_rng(seeds).normal(size=(seeds, 7))
    for column, (mean, low, high) in zip(values.T, intervals(values).T, strict=True):
        expected = estimate(column.tolist())
        assert (mean, low, high) == pytest.approx((expected.mean, expected.low, expected.high))


@pytest.mark.parametrize("values", [[[1.0, 2.0]], [[1.0, 2.0], [1.0, 2.0]]])
def test_without_variation_both_ends_are_the_mean(values: list[list[float]]) -> None:
    assert intervals(np.array(values)).tolist() == [[1.0, 2.0]] * 3


def test_each_configuration_gets_a_run_with_its_means(tmp_path: Path) -> None:
    write_sweep(tmp_path, clips=["learnable", "relu"], seeds=[0, 1, 2])
    written = write_summaries(tmp_path)
    assert sorted(written) == [
        tmp_path / SUMMARY / "clip=learnable",
        tmp_path / SUMMARY / "clip=relu",
    ]
    values = [epoch_scalars(2, seed)["val/accuracy"] for seed in (0, 1, 2)]
    expected = estimate(values)
    for part, value in (("mean", expected.mean), ("low", expected.low), ("high", expected.high)):
        curve = _curve(written[0], f"over seeds/val/accuracy/{part}")
        assert list(curve) == [10, 20, 30]
        assert curve[20] == pytest.approx(value, rel=1e-6)
    threshold = _curve(tmp_path / SUMMARY / "clip=learnable", "over seeds/threshold/fc1/upper/mean")
    assert threshold[30] == pytest.approx(1.31)
    assert list(threshold) == [0, 10, 20, 30]
    assert not _curve(tmp_path / SUMMARY / "clip=relu", "over seeds/threshold/fc1/upper/mean")


def test_all_summaries_bring_one_layout_of_all_charts(tmp_path: Path) -> None:
    write_sweep(tmp_path, clips=["prelu", "learnable", "relu"], seeds=[0, 1])
    titles = []
    for folder in write_summaries(tmp_path):
        (event,) = EventAccumulator(str(folder)).Reload().Tensors("custom_scalars__config__")
        layout = Layout.FromString(event.tensor_proto.string_val[0])
        titles.append([[chart.title for chart in part.chart][::-1] for part in layout.category])
    assert titles == [titles[0]] * 3
    means, thresholds, *_ = titles[0]
    assert means[:4] == ["val/accuracy", "val/loss", "sparsity/mean", "saturation/mean"]
    assert sorted(means[4:]) == ["threshold/fc1/slope", "threshold/fc1/upper"]
    assert "fc1: upper threshold over its inputs, q50 to q99" in thresholds


def test_a_summary_is_no_run(tmp_path: Path) -> None:
    runs = write_sweep(tmp_path, clips=["relu"], seeds=[0, 1])
    write_summaries(tmp_path)
    assert sorted(run.path for run in load_runs([tmp_path])) == sorted(runs)
    assert [run.status for run in load_runs([tmp_path])] == ["finished"] * 2


def test_of_lost_seeds_only_the_name_remains(tmp_path: Path) -> None:
    write_sweep(tmp_path, clips=["relu"], seeds=[0, 1])
    write_run(tmp_path / "clip=relu" / "seed=2", clip="relu", seed=2, status="diverged")
    (summary,) = write_summaries(tmp_path)
    expected = estimate([epoch_scalars(3, seed)["val/accuracy"] for seed in (0, 1)])
    assert _curve(summary, "over seeds/val/accuracy/mean")[30] == pytest.approx(expected.mean)
    assert "Mean over 2 seeds" in _text(summary)
    assert "seed 2: diverged" in _text(summary)


@pytest.mark.parametrize("statuses", [("failed", "diverged"), ("interrupted", "interrupted")])
def test_a_configuration_without_a_seed_that_counts_has_none(
    tmp_path: Path, statuses: tuple[Any, Any]
) -> None:
    for seed, status in enumerate(statuses):
        write_run(tmp_path / "clip=relu" / f"seed={seed}", clip="relu", seed=seed, status=status)
    assert write_summaries(tmp_path) == []
    assert not (tmp_path / SUMMARY).exists()


def test_runs_in_progress_count_as_far_as_all_have_come_until_one_has_finished(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "clip=relu"
    write_run(folder / "seed=0", clip="relu", seed=0, status="running", epochs=3)
    write_run(folder / "seed=1", clip="relu", seed=1, status="running", epochs=2)
    (summary,) = write_summaries(tmp_path)
    curve = _curve(summary, "over seeds/val/loss/mean")
    assert list(curve) == [10, 20]
    write_run(folder / "seed=2", clip="relu", seed=2)
    write_summaries(tmp_path)
    assert list(_curve(summary, "over seeds/val/loss/mean")) == [10, 20, 30]
    assert "Mean over 1 seeds" in _text(summary)


def test_writing_again_leaves_one_file_and_removes_what_is_no_more(tmp_path: Path) -> None:
    write_sweep(tmp_path, clips=["relu", "prelu"], seeds=[0])
    write_summaries(tmp_path)
    (tmp_path / SUMMARY / "notes").mkdir()
    (tmp_path / SUMMARY / "notes" / "mine.txt").write_text("kept")
    os.rename(tmp_path / "clip=prelu", tmp_path / "clip=other")
    write_summaries(tmp_path)
    assert sorted(os.listdir(tmp_path / SUMMARY)) == ["clip=other", "clip=relu", "notes"]
    assert (tmp_path / SUMMARY / "notes" / "mine.txt").exists()
    for name in ("clip=other", "clip=relu"):
        (file,) = os.listdir(tmp_path / SUMMARY / name)
        assert (tmp_path / SUMMARY / name / file).match(EVENT_FILES)


def test_only_what_is_outdated_is_written_again(tmp_path: Path) -> None:
    for sweep in ("a", "b"):
        write_sweep(tmp_path / sweep, clips=["relu", "prelu"], seeds=[0])
    write_run(tmp_path / "a" / "clip=pact" / "seed=0", clip="pact", status="failed")

    def files() -> list[set[Path]]:
        return [set((tmp_path / sweep / SUMMARY).rglob(EVENT_FILES)) for sweep in ("a", "b")]

    refresh_summaries(tmp_path)
    first = files()
    assert [len(found) for found in first] == [2, 2]
    refresh_summaries(tmp_path)
    assert files() == first
    write_sweep(tmp_path / "a", clips=["relu"], seeds=[1])
    refresh_summaries(tmp_path)
    assert files()[1] == first[1]
    assert not files()[0] & first[0]
    with Journal(tmp_path / "b" / "clip=prelu" / "seed=0" / JOURNAL_FILE) as journal:
        journal.write(step=99, epoch=9, scalars={"val/loss": 1.0})
    refresh_summaries(tmp_path)
    assert not files()[1] & first[1]


def test_every_sweep_below_a_folder_has_its_own(tmp_path: Path) -> None:
    for sweep in ("a", "b"):
        write_sweep(tmp_path / sweep, clips=["relu"], seeds=[0, 1])
    single = write_run(tmp_path / "runs" / "2026-01-01", clip="relu")
    job = write_run(tmp_path / "job" / "seed=0", clip="relu")
    assert sorted(write_summaries(tmp_path)) == [
        tmp_path / SUMMARY / "job",
        tmp_path / "a" / SUMMARY / "clip=relu",
        tmp_path / "b" / SUMMARY / "clip=relu",
    ]
    # What would lie outside of the folder that is asked for is not written.
    assert write_summaries(single) == write_summaries(job) == write_summaries(job.parent) == []


def test_long_curves_are_thinned_and_keep_their_ends(tmp_path: Path) -> None:
    for seed in (0, 1):
        run = write_run(tmp_path / "clip=learnable" / f"seed={seed}", seed=seed)
        with Journal(run / JOURNAL_FILE) as journal:
            for step in range(31, 1001):
                journal.write(step=step, epoch=4, scalars={"threshold/fc1/upper": float(step)})
    (summary,) = write_summaries(tmp_path)
    curve = _curve(summary, "over seeds/threshold/fc1/upper/mean")
    assert len(curve) == MOST_POINTS
    assert (min(curve), max(curve)) == (0, 1000)
    assert curve[1000] == 1000.0


def test_a_link_in_place_of_a_summary_is_not_followed(tmp_path: Path) -> None:
    write_sweep(tmp_path / "sweep", clips=["relu"], seeds=[0])
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "sweep" / SUMMARY).symlink_to(outside)
    with pytest.raises(RunError, match="is a link"):
        write_summaries(tmp_path / "sweep")
    assert os.listdir(outside) == []


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        write_summaries(tmp_path / "missing")


def test_no_torch_is_needed() -> None:
    code = "import clipbench.analysis.summary_runs, sys; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=root).returncode == 0
