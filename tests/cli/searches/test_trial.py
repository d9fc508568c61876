"""How a trial is judged by the records of its runs, without training any."""

import math

import optuna
import pytest

from clipbench.cli.searches.study import Outcome
from clipbench.cli.searches.trial import Pruned, Watch, outcome_of
from clipbench.records.journal import JOURNAL_FILE, Journal
from clipbench.records.run_dir import RunDirectory

EPOCHS = 4
GOOD, BAD = 0.9, 0.2


def study_with(*curves):
    """A study with finished trials of one seed."""
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=2)
    )
    for curve in curves:
        trial = study.ask()
        for epoch, value in enumerate(curve, start=1):
            trial.report(value, epoch)
        study.tell(trial, curve[-1])
    return study


@pytest.fixture
def study():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return study_with([0.7] * EPOCHS, [0.8] * EPOCHS)


@pytest.fixture
def watched(study, tmp_path):
    """A trial of two seeds, its watch, and a function that writes an epoch of one of them."""
    trial = study.ask()
    runs = [tmp_path / "seed=0", tmp_path / "seed=1"]
    for run in runs:
        run.mkdir()

    def write(seed, epoch, accuracy):
        with Journal(runs[seed] / JOURNAL_FILE) as journal:
            journal.write(step=epoch, epoch=epoch, scalars={"train/loss": 1.0})
            journal.write(step=epoch, epoch=epoch, scalars={"val/accuracy": accuracy})

    return trial, Watch(trial, runs, metric="val/accuracy", epochs=EPOCHS), write


def reported(trial):
    return trial.study.trials[trial.number].intermediate_values


def test_every_epoch_of_every_seed_is_reported_once_in_order(watched):
    trial, watch, write = watched
    for seed in (0, 1):
        for epoch in range(1, EPOCHS + 1):
            write(seed, epoch, GOOD + epoch / 100)
            watch()
            watch()
    assert list(reported(trial)) == list(range(1, 2 * EPOCHS + 1))
    assert reported(trial)[EPOCHS + 1] == GOOD + 0.01


def test_a_hopeless_trial_is_pruned_at_once(watched):
    trial, watch, write = watched
    write(0, 1, BAD)
    with pytest.raises(Pruned, match="epoch 1 of seed 1"):
        watch()
    assert reported(trial) == {1: BAD}


def test_a_trial_that_keeps_up_is_not_pruned_for_one_bad_epoch(watched):
    trial, watch, write = watched
    for epoch, accuracy in enumerate([GOOD, BAD, GOOD], start=1):
        write(0, epoch, accuracy)
    watch()
    assert len(reported(trial)) == 3


def test_a_seed_counts_only_after_the_one_before_it(watched):
    trial, watch, write = watched
    write(1, 1, GOOD)
    write(0, 1, GOOD)
    watch()
    assert list(reported(trial)) == [1]


def test_the_decision_does_not_hang_on_when_the_records_are_seen(study, tmp_path):
    ends = []
    for pauses in (set(), {1}, {0, 1, 2, 3}):
        trial = study.ask()
        run = tmp_path / f"run{len(ends)}"
        run.mkdir()
        watch = Watch(trial, [run], metric="val/accuracy", epochs=EPOCHS)
        with Journal(run / JOURNAL_FILE) as journal:
            try:
                for epoch in range(EPOCHS):
                    accuracy = GOOD if epoch == 3 else BAD  # too late
                    journal.write(step=epoch, epoch=epoch + 1, scalars={"val/accuracy": accuracy})
                    if epoch in pauses:
                        watch()
                watch()
            except Pruned as pruned:
                ends.append((str(pruned), reported(trial)))
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    assert len(ends) == 3
    assert all(end == ends[0] for end in ends)


def test_a_run_begun_anew_does_not_report_its_epochs_again(watched):
    trial, watch, write = watched
    write(0, 1, GOOD)
    write(0, 2, GOOD)
    watch()
    watch._tails[0]._path.unlink()
    for epoch in (1, 2, 3):
        write(0, epoch, GOOD)
    watch()
    assert list(reported(trial)) == [1, 2, 3]


def run(path, status, *, cause=None, **results):
    made = RunDirectory.create(
        path, config={"seed": 0, "path": path.name}, device="cpu", threads=1, stack=1, data={}
    )
    if status != "running":
        made.finish(
            status, results={k.replace("_", "/"): v for k, v in results.items()}, cause=cause
        )
    return path


def test_the_value_is_that_of_every_seed_at_its_last_epoch(tmp_path):
    runs = [run(tmp_path / name, "finished", val_accuracy=value, test_accuracy=0.1)
            for name, value in (("a", 0.5), ("b", 0.75))]  # fmt: skip
    found = outcome_of(runs, "val/accuracy")
    assert found == Outcome("finished", (0.5, 0.75))
    assert found.mean == 0.625


@pytest.mark.parametrize(
    ("status", "known"),
    [
        ("diverged", "diverged"),
        ("failed", "failed"),
        ("interrupted", "failed"),
        ("running", "failed"),
    ],
)
def test_one_seed_without_a_result_leaves_the_trial_without_a_value(tmp_path, status, known):
    runs = [
        run(tmp_path / "a", "finished", val_accuracy=0.5),
        run(tmp_path / "b", status, cause="why"),
    ]
    found = outcome_of(runs, "val/accuracy")
    assert found.status == known
    assert found.values == ()
    assert found.cause in ("why", status)


def test_a_metric_that_is_no_number_is_a_divergence(tmp_path):
    found = outcome_of([run(tmp_path / "a", "finished", val_loss=math.inf)], "val/loss")
    assert found.status == "diverged"
    assert "val/loss" in found.cause
