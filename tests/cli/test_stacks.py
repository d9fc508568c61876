"""Seeds of a job as one stack, through the command line: their folders, their end, their resume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from clipbench.cli.assemble import load_data
from clipbench.cli.main import main
from clipbench.cli.stacks import Shares, shares_of
from clipbench.cli.stopping import StopRequest
from clipbench.records.journal import comparable, read
from clipbench.records.run_dir import read_run
from clipbench.training import stack_rule
from clipbench.training.checkpoint import read_checkpoint
from clipbench.training.packing import leaves
from clipbench.training.seed_run import SeedRun

SEEDS = (0, 1, 2)
SMALL = ["experiment=smoke", "trainer.device=cpu", "model.widths=[64,32]"]
# All that a stack could forget: a memory of gradient norms, masks, statistics, an own augmentation.
FULL = [
    "num_seeds=3", "grad_clip=autoclip", "model.dropout=0.2", "model.batch_norm=true",
    "data.augment.crop=1", "trainer.log_every=4",
]  # fmt: skip
LOUD = """
import torch
from clipbench.clips.base import Clip


class Loud(Clip):
    def forward(self, x):
        return x.relu() if x.sum().item() > 0 else x
"""


def train(folder, *overrides):
    words = ["train", *SMALL, f"hydra.run.dir={folder}"]
    return main([*words, *overrides])


def runs(folder):
    return [folder / f"seed={seed}" for seed in SEEDS]


def journal(run):
    records, damaged = read(run / "metrics.jsonl")
    assert damaged == []
    return [comparable(record) for record in records]


def _stop_after(steps, patch):
    """Let the next run end as if SIGTERM had come in so many steps."""
    left = [steps]

    def asked(request):
        left[0] -= 1
        if left[0] <= 0:
            request.code = 143
        return request.code is not None

    patch.setattr(StopRequest, "__call__", asked)


def files(run):
    return {
        path.relative_to(run).as_posix() for path in run.rglob("*") if "tfevents" not in path.name
    }


def state(run):
    content = read_checkpoint(run / "checkpoints")
    return {key: value for key, value in leaves(content) if key not in ("seconds", "journal")}


@pytest.fixture(scope="module")
def stacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stacked") / "job"
    assert train(folder, "num_seeds=3", "trainer.stack=3") == 0
    return folder


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    folder = tmp_path_factory.mktemp("apart") / "job"
    assert train(folder, "num_seeds=3", "trainer.stack=off") == 0
    return folder


def test_each_seed_has_the_run_directory_of_a_run_of_its_own(stacked, apart):
    for ours, theirs in zip(runs(stacked), runs(apart), strict=True):
        assert files(ours) == files(theirs)
        a, b = read_run(ours), read_run(theirs)
        assert (a["stack"], b["stack"]) == (3, 1)
        assert (a["config_hash"], a["seed"]) == (b["config_hash"], b["seed"])
        assert a["results"].keys() == b["results"].keys()
        assert state(ours).keys() == state(theirs).keys()


def test_each_seed_has_the_records_of_a_run_of_its_own(stacked, apart):
    for ours, theirs in zip(runs(stacked), runs(apart), strict=True):
        for a, b in zip(journal(ours), journal(theirs), strict=True):
            assert (a["step"], a["scalars"].keys()) == (b["step"], b["scalars"].keys())
        answers = [np.load(run / "predictions.npz")["predictions"] for run in (ours, theirs)]
        assert (answers[0] == answers[1]).mean() > 0.98


def test_a_stopped_stack_goes_on_in_the_size_it_was_begun_with_to_the_same_bits(tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert train(whole, *FULL) == 0
    with pytest.MonkeyPatch.context() as patch:
        _stop_after(14, patch)  # in the second epoch
        assert train(stopped, *FULL) == 143
    assert {read_run(run)["status"] for run in runs(stopped)} == {"interrupted"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_rule, "LIMITS", {})  # as if a later version had another rule
        assert main(["train", f"resume={stopped}"]) == 0
    for ours, theirs in zip(runs(stopped), runs(whole), strict=True):
        assert journal(ours) == journal(theirs)
        assert read_run(ours)["stack"] == read_run(theirs)["stack"] == 3
        for key, value in state(theirs).items():
            same = torch.equal(state(ours)[key], value) if torch.is_tensor(value) else True
            assert same, key


def test_a_seed_that_diverges_ends_alone(tmp_path, monkeypatch, capsys):
    begin = SeedRun.begin

    def begin_badly(run):
        begin(run)
        if run.state.seed == 1:
            torch.nn.init.constant_(run.state.model.get_parameter("head.weight"), float("inf"))

    monkeypatch.setattr(SeedRun, "begin", begin_badly)
    assert train(tmp_path / "job", "num_seeds=3", "trainer.stack=3") == 5
    found = [read_run(run) for run in runs(tmp_path / "job")]
    assert [run["status"] for run in found] == ["finished", "diverged", "finished"]
    assert found[1]["cause"] == "diverged at step 0: parameter head.weight is not finite"
    assert "Try a smaller optim.lr" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trainer.stack=1"], "trainer.stack: should be 'auto' or 'off' or"),
        (["trainer.stack=2", "trainer.compile=true"], "trainer.stack: a compiled model cannot be"),
        (["trainer.stack=2", "trainer.precision=bf16"], "trainer.stack: under vmap bf16 is not"),
        (["trainer.stack=2", "clip=loud", "trust=[loud]"], "trainer.stack: the clip cannot be"),
    ],
)
def test_a_stack_that_cannot_be_is_refused_before_anything_is_made(
    words, said, tmp_path, capsys, monkeypatch
):
    """The clip reads a number on its way, which vmap does not allow."""
    (tmp_path / "loud.py").write_text(LOUD)
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "loud.yaml").write_text("_target_: loud.Loud\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "job"
    assert train(folder, "num_seeds=2", *words, "--config-dir", str(tmp_path)) == 2
    assert said in capsys.readouterr().err
    assert not folder.exists()


def test_what_cannot_be_stacked_trains_alone_where_it_is_left_open(stacked):
    config = read_run(runs(stacked)[0])["config"]
    compiled = {**config["trainer"], "stack": "auto", "compile": True}
    data = load_data(config)
    wide = {**config, "trainer": {**config["trainer"], "stack": "auto"}}
    paths = [Path("none") / str(seed) for seed in SEEDS]
    assert shares_of(wide, paths, data) == Shares(stack=3, processes=1, threads=1)
    assert shares_of({**config, "trainer": compiled}, paths, data).stack == 1
    assert shares_of(wide, paths[:1], data).stack == 1
