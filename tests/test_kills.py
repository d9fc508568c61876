"""Fast slices of the campaigns that kill and stop a run of every sort of randomness."""

from __future__ import annotations

import random

import pytest

from scripts.campaign_kills import Runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp("runs"), epochs=1)


def test_a_killed_run_ends_as_the_one_that_nobody_touched(runs):
    trial = runs.killed(runs.folder / "killed", random.Random(1))
    assert trial.unlike == []
    assert (trial.same, trial.orphans, trial.leftovers) == (True, 0, 0)
