"""Conditions keep the runs that meet them, and those of which nothing is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clipbench.analysis.load import UNREADABLE
from clipbench.analysis.where import known_keys, parse, value_of
from tests.analysis.made import made

RUN = made(
    "pact",
    3,
    overrides=["clip=pact", "experiment=short"],
    trainer={"epochs": 10, "widths": [8, 16]},
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("clip=pact", True), ("clip=relu,pact", True), ("clip=relu", False),
        ("clip!=relu", True), ("clip!=relu,pact", False),
        ("data=digits", True), ("model=cnn", True), ("optim=adamw", True),
        ("status=finished", True), ("status=failed,diverged", False),
        ("seed=3", True), ("seed<3", False), ("seed<=3", True), ("seed>2.5", True),
        ("seed>=4", False),
        ("optim.lr=0.01", True), ("optim.lr=1e-2", True), ("optim.lr = 0.010", True),
        ("optim.lr<0.1", True), ("optim.lr>0.1", False), ("optim.lr!=1e-2", False),
        ("trainer.widths=[8,16]", True), ("trainer.widths=[8, 16],[4]", True),
        ("trainer.widths=[8]", False),
        ("experiment=short", True), ("clip='pact'", True),
        ("clip.nowhere=1", False), ("clip.nowhere!=1", True), ("clip.nowhere<1", False),
        ("clip<1", False),
    ],
)  # fmt: skip
def test_a_condition_holds_or_not(text, holds):
    assert parse(text).holds(RUN) == holds


@pytest.mark.parametrize("text", ["clip", "", "=relu", "seed<", "seed<a", "seed<1,2"])
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(ValueError, match="condition|compares"):
        parse(text)


def test_a_run_that_cannot_be_read_meets_every_condition():
    lost = replace(RUN, status=UNREADABLE, config={}, overrides=(), seed=None)
    assert all(parse(text).holds(lost) for text in ("clip=relu", "seed<0", "status=finished"))


def test_every_known_key_has_a_value():
    keys = known_keys([RUN])
    assert {"clip", "status", "seed", "optim.lr", "trainer.epochs", "experiment"} <= set(keys)
    assert not [key for key in keys if "_target_" in key]
    assert all(value_of(RUN, key) is not None for key in keys if key != "trainer")
    assert value_of(RUN, "nowhere") is None
