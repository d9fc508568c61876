"""The name of a choice: the typed word, else the module of the target."""

from __future__ import annotations

import pytest

from clipbench.records.choices import option, target_name, typed

CONFIG = {"clip": {"_target_": "clipbench.clips.relu.ReLU"}, "seed": 0}


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "relu"),
        (["clip.init=3"], "relu"),
        (["clip=gradient"], "gradient"),
        (["clip=pact", "++clip='gradient'"], "gradient"),
    ],
)
def test_a_typed_word_counts_before_the_target(overrides, name):
    assert option(CONFIG, overrides, "clip") == name


def test_a_group_that_is_not_there_has_no_choice():
    assert option(CONFIG, [], "data") == ""
    assert typed(["clip=relu"], "data") is None
    assert typed(["clip"], "clip") is None


@pytest.mark.parametrize("node", [None, {}, {"_target_": 3}, "text", ["a"]])
def test_a_node_without_a_target_has_no_name(node):
    assert target_name(node) == ""
