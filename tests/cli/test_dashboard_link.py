"""The link says what to pin and how to color, in words that TensorBoard's page reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from clipbench.analysis.load import load_runs
from clipbench.cli.dashboard_link import (
    CHARTS,
    COLOR_OF,
    MOST_THRESHOLDS,
    by_seeds,
    charts_link,
    curves_link,
    pins,
)
from tests.analysis.made import made
from tests.records.written import write_run


def test_the_link_holds_pins_colors_and_no_smoothing() -> None:
    tags, names = ["val/accuracy", "a&b=c"], ["relu/seed=0"]
    link = urlsplit(curves_link("http://127.0.0.1:6006", tags, names=names))
    query = parse_qs(link.query)
    assert (link.scheme, link.netloc, link.path) == ("http", "127.0.0.1:6006", "/")
    assert link.fragment == "timeseries"
    assert json.loads(query["pinnedCards"][0]) == [
        {"plugin": "scalars", "tag": "val/accuracy"},
        {"plugin": "scalars", "tag": "a&b=c"},
    ]
    assert query["runColorGroup"] == [f"regex:{COLOR_OF}"]
    assert query["smoothing"] == ["0"]
    assert query["runFilter"] == ["seed="]


def _color(name: str) -> tuple[str, ...]:
    found = re.match(COLOR_OF, name)
    assert found is not None
    return found.groups()


@pytest.mark.parametrize("place", ["", "a/", "a/b/"])
def test_seeds_and_their_mean_share_a_color_and_others_have_their_own(place: str) -> None:
    same = {_color(f"{place}{name}") for name in ("relu/seed=0", "relu/seed=12", "_summary/relu")}
    assert len(same) == 1
    others = [f"{place}{name}" for name in ("pact/seed=0", "_summary/pact", "relu, lr=0.1/seed=0")]
    others += ["x/relu/seed=0", "x/_summary/relu"]
    assert not {_color(name) for name in others} & same
    assert _color("runs/2026-01-01") != _color("runs/2026-01-02")
    assert _color(".") == ("", ".")


def _with(*tags: str):
    run = made(accuracy=None)
    run.results.update(dict.fromkeys(tags, 1.0))
    return run


def test_thresholds_that_many_runs_have_are_pinned_after_accuracy_and_sparsity() -> None:
    two = ["threshold/fc1/upper", "threshold/fc2/upper"]
    runs = [_with(*two, "val/loss"), _with(*two), _with("threshold/fc1/slope"), _with("val/loss")]
    assert pins(runs) == ["val/accuracy", "sparsity/mean", *two, "threshold/fc1/slope"]
    assert pins([]) == ["val/accuracy", "sparsity/mean"]


def test_of_many_sites_some_are_taken_from_first_to_last() -> None:
    tags = [
        f"threshold/layer{index}/upper/{part}" for index in range(19) for part in ("mean", "max")
    ]
    chosen = pins([_with(*tags)])[2:]
    assert chosen == [f"threshold/layer{index}/upper/mean" for index in (0, 6, 12, 18)]
    assert len(chosen) == MOST_THRESHOLDS


def test_a_run_in_progress_tells_its_thresholds_by_its_first_record(tmp_path: Path) -> None:
    write_run(tmp_path / "run", status="running")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "run.json").write_text("{}")
    assert pins(load_runs([tmp_path]))[2:] == ["threshold/fc1/upper"]


def test_only_where_all_runs_are_seeds_the_means_stand_apart() -> None:
    address = "http://127.0.0.1:1"
    seeds, others = ["relu/seed=0", "a/relu/seed=1"], ["relu/seed=0", "runs/2026-01-01"]
    assert by_seeds(seeds)
    assert charts_link(address, names=seeds).endswith("&regexInput=_summary")
    for names in (others, ["seed=0"], []):
        assert not by_seeds(names)
        assert "runFilter" not in curves_link(address, [], names=names)
        assert charts_link(address, names=names) == f"{address}/#{CHARTS}"
