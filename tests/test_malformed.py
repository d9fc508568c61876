"""A fast slice of ``scripts/campaign_malformed.py``: every answer to a malformed input is clear."""

from __future__ import annotations

import pytest

from clipbench.cli.main import main
from scripts.campaign_malformed import all_cases, prepare, tried
from scripts.isolated import isolated

EVERY = 33


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    prepare()
    run = tmp_path_factory.mktemp("run") / "base"
    words = ["train", "experiment=smoke", "trainer.device=cpu", f"hydra.run.dir={run}"]
    done = isolated(lambda: main(words), seconds=60)
    assert done.code == 0, done.err
    return all_cases(run)


def test_there_are_two_hundred_and_no_two_alike(cases):
    assert len({case.name for case in cases}) == len(cases) == 200


def test_each_answer_of_a_slice_is_clear(cases):
    wrong = {case.name: tried(case) for case in cases[::EVERY]}
    assert {name: text for name, text in wrong.items() if text} == {}
