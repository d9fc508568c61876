"""Fast slices of the campaigns that kill a run, stop it, race it and let it diverge."""

from __future__ import annotations

import random
import signal

import pytest

from scripts.campaign_determinism import again, places_of, with_stops, workload
from scripts.campaign_divergence import fault, poisons
from scripts.campaign_kills import Kills
from scripts.campaign_races import race
from scripts.campaign_signals import Stops, handler_is_silent, in_a_save, in_validation
from scripts.workload import Workload


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return Workload(tmp_path_factory.mktemp("work"), epochs=1)


def test_a_killed_run_ends_as_the_one_that_nobody_touched(work):
    trial = Kills(work).killed(work.folder / "killed", random.Random(1))
    assert trial.unlike == []
    assert (trial.same, trial.orphans, trial.leftovers) == (True, 0, 0)


@pytest.mark.parametrize("hold", [in_a_save, in_validation])
def test_a_run_asked_to_stop_amid_its_work_loses_nothing(work, hold):
    stop = Stops(work, random.Random(0)).inside(signal.SIGTERM, hold)
    assert (stop.code, stop.status, stop.lost, stop.unlike) == (143, "interrupted", 0, [])


def test_the_handler_of_signals_does_no_input_or_output():
    assert handler_is_silent()


def test_of_two_starts_in_one_folder_one_runs(work):
    one = race(work, work.folder / "race")
    assert (one.trained, one.second.code, one.third.code) == (1, 75, 75)
    assert (one.second.named, one.third.named) == (True, True)
    assert (one.changed, one.unlike) == ([], [])


@pytest.mark.parametrize("name", [*poisons()][7::12])
def test_a_number_that_is_not_finite_ends_a_run_in_its_step(work, name):
    number = [*poisons()].index(name)
    assert fault(work, work.folder / f"poisoned{number}", poisons()[name]) == ""


def test_a_run_repeats_and_stops_at_the_ends_of_an_epoch_change_nothing(tmp_path):
    work = workload(tmp_path, "learnable", "cnn", epochs=1)
    assert again(work) == []
    assert with_stops(work, places_of(1, random.Random(0))) == []
