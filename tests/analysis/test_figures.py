"""Figures are well-formed SVG, hold every seed, and show nothing that was not recorded."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from clipbench.analysis.comparison import compare
from clipbench.analysis.figures import MOST_PANELS, Subject, figures
from clipbench.analysis.history import read_histories
from clipbench.analysis.load import load_runs
from clipbench.analysis.lost import arms_of
from clipbench.analysis.palette import looks
from tests.analysis.made import arms_of as made_arms
from tests.analysis.stored import store, store_arms

SVG = "{http://www.w3.org/2000/svg}"
ALL = ["Difference to relu", "Test accuracy", "Sparsity", "What sparsity costs",
       "Where thresholds go", "What thresholds cut", "Gradient norms", "Training stability",
       "Cost"]  # fmt: skip


def drawn(runs):
    (comparison,) = compare(runs)
    named = [(arm.label, arm.clip) for arm in arms_of(comparison)]
    seen = looks(named, reference="relu")
    histories = read_histories(runs).by_path
    return {figure.heading: figure for figure in figures(Subject(comparison, seen, histories))}


def texts(figure):
    return [node.text for node in ET.fromstring(figure.svg).iter(f"{SVG}text")]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    store_arms(folder, {"relu": [0.9, 0.8, 0.7], "pact": [0.95, 0.85, 0.7]})
    return folder


def test_every_figure_is_drawn_with_a_caption(tree):
    found = drawn(load_runs([tree]))
    assert list(found) == ALL
    for figure in found.values():
        ET.fromstring(figure.svg)
        assert len(figure.caption) > 60
        assert figure.caption.endswith(".")
        assert "pact" in " ".join(filter(None, texts(figure)))


def test_the_same_runs_give_the_same_bytes(tree):
    first, second = drawn(load_runs([tree])), drawn(load_runs([tree]))
    assert [one.svg for one in first.values()] == [one.svg for one in second.values()]


def test_every_seed_is_a_dot(tree):
    figure = drawn(load_runs([tree]))["Test accuracy"]
    root = ET.fromstring(figure.svg)
    groups = [g for g in root.iter(f"{SVG}g") if g.get("id", "").startswith("PathCollection")]
    assert [len(list(group.iter(f"{SVG}use"))) for group in groups] == [3, 3]


def test_a_diverged_seed_ends_in_a_line(tree, tmp_path):
    store_arms(tmp_path, {"relu": [0.9, 0.8], "pact": [0.9, 0.8]})
    before = drawn(load_runs([tmp_path]))["Training stability"].svg
    runs = [
        replace(run, status="diverged", results={}) if (run.clip, run.seed) == ("pact", 1) else run
        for run in load_runs([tmp_path])
    ]
    after = drawn(runs)["Training stability"].svg
    dotted = b"stroke-dasharray"
    assert after.count(dotted) == before.count(dotted) + 1


def test_without_journals_and_sparsity_only_outcomes_are_drawn():
    runs = made_arms({"relu": [0.9, 0.8], "pact": [0.95, 0.85]})
    assert list(drawn(runs)) == ALL[:2]


def test_runs_that_gave_nothing_draw_nothing(tmp_path):
    store(tmp_path / "a", "relu", 0, None, status="failed")
    store(tmp_path / "b", "pact", 0, None, status="diverged")
    assert drawn(load_runs([tmp_path])) == {}


def test_names_are_text_and_nothing_else(tmp_path):
    hostile = "</text><script>$\\frac{$\x1b"
    store(tmp_path / "a", "relu", 0, 0.9)
    store(tmp_path / "b", "pact", 0, 0.8, overrides=[f"clip={hostile}"])
    for figure in drawn(load_runs([tmp_path])).values():
        root = ET.fromstring(figure.svg)
        assert not [node for node in root.iter() if "script" in node.tag]
        assert any("</text>" in (text or "") for text in texts(figure))


def test_of_very_many_configurations_some_are_shown_and_that_is_said(tmp_path):
    store_arms(tmp_path, {f"clip{k}": [0.9] for k in range(MOST_PANELS + 2)})
    found = drawn(load_runs([tmp_path]))
    for heading in ("Gradient norms", "Where thresholds go"):
        assert f"first {MOST_PANELS} of {MOST_PANELS + 2}" in found[heading].caption
