"""Which jobs are to do is told by the hash of their configuration, not by a folder's name."""

import shutil

import pytest

from clipbench.cli.compose import compose
from clipbench.cli.errors import ConfigError
from clipbench.cli.sweeps.plan import make_plan
from clipbench.records.reading import RunError
from clipbench.records.run_dir import RunDirectory

WORDS = ["experiment=smoke", "clip=relu,silu"]


def jobs(*words: str):
    return compose([*WORDS, *words], multirun=True).jobs


def end(folder, plan, status="finished", only=None):
    for seed, place in plan.runs().items():
        if only is None or seed in only:
            run = RunDirectory.create(
                folder / place, config=plan.config_of(seed), device="cpu", threads=1,
                stack=1, data={}, overrides=plan.overrides,
            )  # fmt: skip
            if status != "running":
                run.finish(status, results={})


def done(folder, *words, rerun=()):
    return [plan.done for plan in make_plan(jobs(*words), folder, rerun=rerun)]


@pytest.mark.parametrize("status", ["finished", "diverged"])
def test_a_result_is_not_made_again(tmp_path, status):
    end(tmp_path, make_plan(jobs(), tmp_path)[0], status)
    assert done(tmp_path) == [True, False]
    assert done(tmp_path, rerun=[status]) == [False, False]


@pytest.mark.parametrize("status", ["failed", "interrupted", "running"])
def test_what_has_no_result_runs_again(tmp_path, status):
    end(tmp_path, make_plan(jobs(), tmp_path)[0], status)
    assert done(tmp_path) == [False, False]


def test_a_job_of_several_seeds_is_done_when_all_are(tmp_path):
    plan = make_plan(jobs("num_seeds=3"), tmp_path)[1]
    end(tmp_path, plan, only=(0, 2))
    assert done(tmp_path, "num_seeds=3") == [False, False]
    end(tmp_path, plan, only=(1,))
    assert done(tmp_path, "num_seeds=3") == [False, True]
    assert done(tmp_path, "seed=0,1,2") == [False] * 3 + [True] * 3, "the same runs, typed apart"


def test_a_folder_of_another_name_counts_and_what_changes_nothing_does_not_matter(tmp_path):
    end(tmp_path, make_plan(jobs(), tmp_path)[0])
    (tmp_path / "clip=relu").parent.mkdir(exist_ok=True)
    shutil.move(tmp_path / "experiment=smoke,clip=relu", tmp_path / "renamed")
    assert done(tmp_path) == [True, False]
    assert done(tmp_path, "trainer.log_every=3", "trainer.device=cpu") == [True, False]
    assert done(tmp_path, "optim.lr=0.5") == [False, False]


def test_another_configuration_in_the_place_of_a_run_is_refused(tmp_path):
    plan = make_plan(jobs(), tmp_path)[0]
    other = {**plan.config, "trainer": {**plan.config["trainer"], "epochs": 9}}
    RunDirectory.create(
        tmp_path / plan.runs()[0], config=other, device="cpu", threads=1, stack=1, data={}
    )
    with pytest.raises(RunError, match=r"trainer\.epochs"):
        make_plan(jobs(), tmp_path)


def test_equal_jobs_are_one_and_overlapping_seeds_are_refused(tmp_path):
    assert len(make_plan(jobs("trainer.log_every=1,2"), tmp_path)) == 2
    assert len(make_plan(jobs("seed=0,10", "num_seeds=5"), tmp_path)) == 4
    with pytest.raises(ConfigError, match="overlap"):
        make_plan(jobs("seed=0,1", "num_seeds=2"), tmp_path)


def test_folders_tell_what_a_job_is(tmp_path):
    plans = make_plan(jobs("seed=3", "num_seeds=2"), tmp_path)
    assert plans[0].folder == "experiment=smoke,clip=relu"
    assert plans[0].runs()[4] == "experiment=smoke,clip=relu/seed=4"
