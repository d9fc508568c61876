import shlex

import pytest

from clipbench.cli.compose import compose
from clipbench.cli.loader import open_loader
from clipbench.cli.searches.ending import fresh_line, link_best, table, without_result
from clipbench.cli.searches.plan import make_plan
from clipbench.cli.searches.request import Budget
from clipbench.cli.searches.study import Outcome, Tried

WORDS = ["experiment=smoke", "clip=learnable,prelu,silu", "trainer.epochs=3", "seed=4", "name=old",
         "optim.lr=interval(0.001,0.1)", "model.widths=[4,4],[8]"]  # fmt: skip


def tried(status, *values, rate="0.01", cause="", folder="clip=learnable/trial=1"):
    return Tried(
        Outcome(status, values, cause), (f"++optim.lr={rate}", "++model.widths=[8]"), folder
    )


FOUND = {
    "learnable": [tried("finished", 0.5, 0.75), tried("finished", 0.75, 0.875, rate="0.02"),
                  tried("pruned", cause="behind at epoch 1 of seed 1")],
    "prelu": [tried("finished", 0.25, 0.25, rate="0.05"), tried("diverged", cause="step 3"),
              tried("failed", cause="killed by SIGKILL")],
    "silu": [tried("diverged", cause="step 1")] * 3,
}  # fmt: skip


@pytest.fixture
def plan():
    budget = Budget(trials=3, seeds=2, metric="val/accuracy", pruning=True)
    with open_loader(None) as loader:
        yield make_plan(loader, WORDS, budget, name=None)


def test_the_table_tells_how_every_trial_ended_and_the_best_with_its_spread(plan):
    head, *rows = table(FOUND, plan).splitlines()
    assert head.split() == [
        "clip", "finished", "pruned", "diverged", "failed", "val/accuracy,", "2", "seeds", "best",
        "values",
    ]  # fmt: skip
    assert [row.split() for row in rows] == [
        ["learnable", "2", "1", "0", "0", "81.25", "±", "8.84", "%", "optim.lr=0.02",
         "model.widths=[8]"],
        ["prelu", "1", "0", "1", "1", "25.00", "±", "0.00", "%", "optim.lr=0.05",
         "model.widths=[8]"],
        ["silu", "0", "0", "3", "0", "none"],
    ]  # fmt: skip


def test_what_has_no_result_is_named_with_its_cause_and_log(tmp_path):
    lines = without_result(FOUND, tmp_path)
    assert len(lines) == 5
    assert "clip=prelu" in lines[1]
    assert "SIGKILL" in lines[1]
    assert "job.log" in lines[1]
    assert not [line for line in lines if "pruned" in line]


def test_the_line_to_type_composes_to_the_best_values_with_fresh_seeds(plan, tmp_path):
    line = fresh_line(FOUND, plan, tmp_path / "old", config_dir=None)
    program, command, flag, *words = shlex.split(line)
    assert (program, command, flag) == ("clipbench", "train", "-m")
    made = compose(words, multirun=True)
    assert [job.config["clip"]["_target_"].split(".")[-2] for job in made.jobs] == [
        "learnable", "prelu",
    ]  # fmt: skip
    assert [job.config["optim"]["lr"] for job in made.jobs] == [0.02, 0.05]
    for job in made.jobs:
        assert job.config["model"]["widths"] == [8]
        assert job.config["trainer"]["epochs"] == 3
        assert job.config["seed"] == 6  # after the tuning seeds 4 and 5
        assert job.config["num_seeds"] == 10
        assert job.config["name"] == "old-fresh"


def test_there_is_no_line_where_no_clip_has_a_value(plan, tmp_path):
    assert fresh_line({"silu": FOUND["silu"]}, plan, tmp_path, config_dir=None) is None


def test_the_link_is_relative_and_follows_the_best(plan, tmp_path):
    link = tmp_path / "best" / "learnable"
    link_best(tmp_path, "learnable", FOUND["silu"], plan)
    assert not link.is_symlink()
    for place, value in (("trial=1", 0.5), ("trial=2", 0.75)):
        folder = f"clip=learnable/{place}"
        (tmp_path / folder).mkdir(parents=True)
        link_best(tmp_path, "learnable", [tried("finished", value, folder=folder)], plan)
        assert link.readlink().as_posix() == f"../{folder}"
        assert link.resolve() == (tmp_path / folder).resolve()
    assert [path.name for path in link.parent.iterdir()] == ["learnable"]
