"""From words to jobs: lists are combined, points and zipped positions are taken whole."""

import doctest

import pytest

from clipbench.cli import expand
from clipbench.cli.compose import compose
from clipbench.cli.errors import ConfigError
from clipbench.cli.expand import params_text, point_lines

NOTHING = {"points": [], "zip": {}}


def jobs(*words: str) -> list[str]:
    found = compose(["experiment=smoke", *words], multirun=True).jobs
    return [
        " ".join(text for text in job.overrides[1:] if not text.startswith("sweep."))
        for job in found
    ]


def test_the_examples_hold():
    assert doctest.testmod(expand).failed == 0


def test_lists_are_combined_each_with_each():
    assert jobs("clip=relu,silu", "seed=range(0,3)") == [
        f"clip={clip} seed={seed}" for clip in ("relu", "silu") for seed in range(3)
    ]


def test_a_glob_names_options():
    found = jobs("clip=glob(*)")
    assert "clip=relu" in found
    assert len(found) > 30
    assert len(found) == len(set(found))


def test_three_paired_points_are_three_jobs():
    points = "[{clip: relu, optim.lr: 0.01}, {clip: silu, optim.lr: 0.1}, {clip: prelu}]"
    assert jobs(f"sweep.points={points}") == [
        "clip=relu optim.lr=0.01", "clip=silu optim.lr=0.1", "clip=prelu",
    ]  # fmt: skip


def test_zipped_lists_go_together():
    zipped = "sweep.zip={clip: [relu, silu], optim.lr: [0.01, 0.1]}"
    assert jobs(zipped) == ["clip=relu optim.lr=0.01", "clip=silu optim.lr=0.1"]


def test_points_combine_with_lists_and_params():
    sweep = ["sweep.points=[{clip: relu}, {clip: silu}]", "sweep.params={optim.lr: [0.1, 0.2]}"]
    found = jobs(*sweep, "seed=0,1")
    assert len(found) == len(set(found)) == 8


@pytest.mark.parametrize("value", [True, None, 3, 1e-3, "percentile:99", [8, 8], {"a": 1}])
def test_a_value_reads_back_as_it_was(value):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (line,) = point_lines({"points": [{"key": value}], "zip": {}})
    (override,) = OverridesParser.create().parse_overrides(line)
    assert override.value() == value


def test_a_param_is_what_would_be_typed():
    assert params_text({"seed": "range(0,5)", "a": [1, "x y"]}) == ["seed=range(0,5)", "a=1,'x y'"]


def test_no_points_is_one_empty_set():
    assert point_lines(NOTHING) == [[]]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["sweep.zip={clip: [relu, silu], seed: [0]}"], "one length; clip has 2, seed has 1"),
        (["sweep.points=[{clip: relu}]", "clip=silu"], "clip: set by"),
        (["sweep.points=[{seed: 1}]", "sweep.zip={seed: [1, 2]}"], "seed: set by"),
        (["optim.lr=interval(0,1)"], "INTERVAL"),
        (["sweep.points=3"], "sweep.points"),
        (["sweep.timeout=0"], "sweep.timeout"),
        (["sweep.timout=3"], "did you mean 'timeout'"),
        (["sweep.rerun=[failed]"], "sweep.rerun"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_expanded_is_refused(words, named):
    with pytest.raises(ConfigError) as caught:
        jobs(*words)
    assert any(named in fault for fault in caught.value.faults), caught.value.faults
