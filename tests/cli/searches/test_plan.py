import pytest

from clipbench.cli.errors import ConfigError
from clipbench.cli.loader import open_loader
from clipbench.cli.searches.plan import make_plan
from clipbench.cli.searches.request import Budget

RATE = "optim.lr=tag(log,interval(1e-4,1e-1))"
BUDGET = Budget(trials=3, seeds=2, metric="val/accuracy", pruning=True)


@pytest.fixture
def plan():
    with open_loader(None) as loader:
        yield lambda *words, budget=BUDGET, name=None: make_plan(
            loader, ["experiment=smoke", *words], budget, name=name
        )


def refused(plan, *words, **more):
    with pytest.raises(ConfigError) as caught:
        plan(*words, **more)
    return caught.value.faults


def test_a_listed_clip_is_not_searched_but_has_a_study_of_its_own(plan):
    made = plan("clip=learnable,prelu,relu", RATE)
    assert list(made.bases) == ["learnable", "prelu", "relu"]
    assert [one.key for one in made.request.space] == ["optim.lr"]


def test_one_clip_is_named_wherever_it_was_chosen(plan):
    assert list(plan(RATE).bases) == ["learnable"]  # the experiment chooses it
    assert list(plan(RATE, "clip=prelu").bases) == ["prelu"]


def test_a_job_holds_its_clip_values_and_seeds(plan):
    made = plan("clip=learnable,prelu", RATE, "seed=5", name="n")
    job = made.job("prelu", 0, ["++optim.lr=0.01"])
    assert job.config["clip"]["_target_"] == "clipbench.clips.prelu.PReLU"
    assert job.config["optim"]["lr"] == 0.01
    assert job.seeds == (5, 6)
    assert job.config["num_seeds"] == 2
    assert job.config["name"] == "n"
    assert job.folder == "clip=prelu/trial=1,optim.lr=0.01"


def test_corners_grow_with_the_sum_of_the_ends_and_cover_each_of_them(plan):
    made = plan(RATE, "model.widths=[4],[8]", "optim.weight_decay=interval(0,1)", "optim=adamw,sgd")
    corners = list(made.request.corners())
    assert len(corners) == 2 * (1 + 3)
    assert {word for corner in corners for word in corner} == {
        "optim=adamw", "optim=sgd", "++optim.lr=0.0001", "++optim.lr=0.1", "++model.widths=[4]",
        "++model.widths=[8]", "++optim.weight_decay=0.0", "++optim.weight_decay=1.0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["optim.lr=interval(-1,1)"], "optim.lr"),  # one end is wrong
        (["optim.lr=interval(1,0)"], "optim.lr"),
        (["optim.lrr=interval(0.1,1)"], "did you mean 'lr'"),
        ([RATE, "clip=learnable,prelo"], "did you mean 'prelu'"),
        ([RATE, "clip=learnable,relu", "clip.init=1,2"], "init: no such key"),  # relu has none
        ([RATE, "num_seeds=3"], "--seeds"),
        ([RATE, "seed=0,1"], "seed: all trials share it"),
        ([RATE, "trainer.epochs=1,2"], "trainer.epochs: all trials share it"),
        ([RATE, "data=digits,synthetic"], "data: all trials share it"),
        ([RATE, "optim.lr=0.1"], "optim.lr: typed 2 times"),
        ([RATE, "hydra/launcher=joblib"], "hydra/launcher"),
        ([RATE, "sweep.points=[{clip:relu}]"], "sweep.points"),
        ([RATE, "sweep.skip_invalid=true"], "sweep.skip_invalid"),
        ([RATE, "sweep.timeout=-1"], "sweep.timeout"),
        ([], "nothing to search"),
        (["clip=learnable,relu"], "nothing to search"),
    ],
)
def test_a_wrong_search_is_refused_before_it_starts(plan, words, fault):
    assert fault in "\n".join(refused(plan, *words))


@pytest.mark.parametrize("metric", ["test/accuracy", "test/loss", "val/acuracy", "sparsity/mean"])
def test_only_the_validation_part_may_judge(plan, metric):
    budget = Budget(trials=3, seeds=2, metric=metric, pruning=True)
    (fault,) = refused(plan, RATE, budget=budget)
    assert fault.startswith(f"--metric {metric}")


def test_all_faults_are_told_at_once(plan):
    budget = Budget(trials=3, seeds=2, metric="test/accuracy", pruning=True)
    faults = refused(plan, "optim.lr=interval(-1,1)", "model.width=3", "seed=0,1", budget=budget)
    assert len(faults) == 4


def test_a_name_that_is_no_folder_is_refused(plan):
    for name in ("a,b", "../x", "it's", ""):
        assert "name" in "\n".join(refused(plan, RATE, name=name))
