"""A fast slice of ``scripts/campaign_malformed.py``: every answer to a malformed input is clear."""

from __future__ import annotations

import pytest

from scripts.campaign_malformed import all_cases, tried

EVERY = 47


@pytest.fixture(scope="module")
def cases(smoke_run):
    return all_cases(smoke_run)


def test_there_are_two_hundred_and_no_two_alike(cases):
    assert len({case.name for case in cases}) == len(cases) == 200


def test_each_answer_of_a_slice_is_clear(cases):
    wrong = {case.name: tried(case) for case in cases[::EVERY]}
    assert {name: text for name, text in wrong.items() if text} == {}
