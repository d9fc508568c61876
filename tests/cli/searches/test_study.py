"""The laws of a study, with trials that take no training."""

import sqlite3
from collections import Counter

import optuna
import pytest

from clipbench.cli.loader import open_loader
from clipbench.cli.searches import study as studies
from clipbench.cli.searches.plan import make_plan
from clipbench.cli.searches.request import Budget
from clipbench.cli.searches.study import Outcome, Tried, best, open_studies
from clipbench.records.reading import RunError

WORDS = ["experiment=smoke", "clip=learnable,prelu", "optim.lr=tag(log,interval(1e-4,1e-1))",
         "optim.threshold_lr_scale=1,10"]  # fmt: skip


def budget(**changed):
    return Budget(**{"trials": 8, "seeds": 1, "metric": "val/loss", "pruning": True, **changed})


@pytest.fixture(scope="module")
def make():
    with open_loader(None) as loader:
        yield lambda *words, **changed: make_plan(
            loader, [*WORDS, *words], budget(**changed), name="n"
        )


@pytest.fixture(scope="module")
def plan(make):
    return make()


def value_of(words):
    """A pretended loss, lowest at a rate of 0.01."""
    rate = float(words[0].partition("=")[2])
    return abs(rate - 0.01)


def run(study, slots):
    for slot in slots:
        trial = study.ask(slot)
        words = study.words(trial)
        study.tell(trial, Tried(Outcome("finished", (value_of(words),)), tuple(words), "f"))


def sampled(study):
    return [tried.words for tried in study.tried().values()]


@pytest.fixture(scope="module")
def unbroken(plan, tmp_path_factory):
    with open_studies(tmp_path_factory.mktemp("unbroken"), plan) as found:
        run(found["learnable"], range(8))
        return sampled(found["learnable"])


def test_a_search_that_goes_on_samples_what_an_unbroken_one_does(plan, unbroken, tmp_path):
    for slots in (range(3), range(3, 6), range(6, 8)):
        with open_studies(tmp_path, plan) as found:
            run(found["learnable"], slots)
    with open_studies(tmp_path, plan) as found:
        assert sampled(found["learnable"]) == unbroken
    assert len(set(unbroken)) == 8


def test_a_trial_lost_with_its_search_is_tried_again_with_the_same_values(plan, unbroken, tmp_path):
    with open_studies(tmp_path, plan) as found:
        run(found["learnable"], range(7))
        lost = found["learnable"].words(found["learnable"].ask(7))  # and nobody tells of it
    with open_studies(tmp_path, plan) as found:
        assert list(found["learnable"].tried()) == list(range(7))
        run(found["learnable"], range(7, 8))
        assert sampled(found["learnable"]) == unbroken
        assert lost == list(unbroken[7])


def test_a_failed_trial_is_tried_again_with_the_same_values_and_counts_once(plan, tmp_path):
    with open_studies(tmp_path, plan) as found:
        run(found["learnable"], range(3))
        trial = found["learnable"].ask(3)
        words = found["learnable"].words(trial)
        found["learnable"].tell(trial, Tried(Outcome("failed", cause="no"), tuple(words), "f"))
        run(found["learnable"], range(4, 6))
    with open_studies(tmp_path, plan) as found:
        assert found["learnable"].tried()[3].outcome == Outcome("failed", cause="no")
        run(found["learnable"], [3])
        assert sampled(found["learnable"])[3] == tuple(words)
        assert len(found["learnable"].tried()) == 6


def test_a_kill_between_the_last_two_words_loses_nothing(plan, unbroken, tmp_path, monkeypatch):
    with open_studies(tmp_path, plan) as found:
        run(found["learnable"], range(6))
        monkeypatch.setattr(studies.ClipStudy, "_tell", lambda *_: None)
        run(found["learnable"], [6])
    monkeypatch.undo()
    with open_studies(tmp_path, plan) as found:
        run(found["learnable"], range(7, 8))
        assert sampled(found["learnable"]) == unbroken


def test_all_clips_are_given_the_same_random_trials_first(plan, unbroken, tmp_path):
    with open_studies(tmp_path, plan) as found:
        run(found["prelu"], range(studies.RANDOM_TRIALS))
        assert sampled(found["prelu"]) == unbroken[: studies.RANDOM_TRIALS]


def test_another_seed_samples_other_values(make, unbroken, tmp_path):
    with open_studies(tmp_path, make("seed=7")) as found:
        run(found["learnable"], range(5))
        assert not set(sampled(found["learnable"])) & set(unbroken)


@pytest.mark.parametrize(
    ("words", "changed", "named"),
    [
        ([], {"seeds": 2}, "--seeds"),
        ([], {"metric": "val/accuracy"}, "--metric"),
        ([], {"pruning": False}, "--no-pruning"),
        (["seed=1"], {}, "seed"),
        (["trainer.epochs=3"], {}, "trainer.epochs"),
        (["model.widths=[4],[8]"], {}, "range.model.widths"),
    ],
)
def test_trials_of_another_search_are_not_mixed_in(make, plan, tmp_path, words, changed, named):
    with open_studies(tmp_path, plan):
        pass
    with pytest.raises(RunError, match=named), open_studies(tmp_path, make(*words, **changed)):
        pass


def test_more_trials_and_another_device_are_the_same_search(make, plan, tmp_path):
    for one in (plan, make("trainer.device=cpu", trials=50)):
        with open_studies(tmp_path, one) as found:
            assert list(found) == ["learnable", "prelu"]


def test_a_diverged_trial_teaches_the_sampler_and_makes_up_no_number(plan, tmp_path):
    with open_studies(tmp_path, plan) as found:
        trial = found["learnable"].ask(0)
        found["learnable"].tell(trial, Tried(Outcome("diverged", cause="inf"), ("a=1",), "f"))
    study = optuna.load_study(study_name="learnable", storage=f"sqlite:///{tmp_path}/study.db")
    (held,) = study.trials
    assert held.state == optuna.trial.TrialState.PRUNED
    assert held.values is None


def test_a_damaged_file_is_told_in_three_lines(plan, tmp_path):
    (tmp_path / "study.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(RunError) as caught, open_studies(tmp_path, plan):
        pass
    assert len(str(caught.value).splitlines()) == 3


def test_the_file_is_an_ordinary_study_of_optuna(plan, tmp_path):
    with open_studies(tmp_path, plan) as found:
        run(found["learnable"], range(3))
    with sqlite3.connect(tmp_path / "study.db") as file:
        assert file.execute("pragma integrity_check").fetchall() == [("ok",)]
    study = optuna.load_study(study_name="learnable", storage=f"sqlite:///{tmp_path}/study.db")
    assert Counter(trial.state.name for trial in study.trials) == {"COMPLETE": 3}
    assert study.best_value == min(trial.value for trial in study.trials)


def test_the_best_is_the_first_of_the_finished_with_the_best_mean():
    def tried(status, *values):
        return Tried(Outcome(status, values), (str(values),), "f")

    trials = [tried("pruned"), tried("finished", 0.5, 0.75), tried("finished", 0.75, 0.5),
              tried("finished", 0.125, 1.0), tried("failed")]  # fmt: skip
    assert best(trials, larger_is_better=True) is trials[1]
    assert best(trials, larger_is_better=False) is trials[3]
    assert best([trials[0]], larger_is_better=True) is None
