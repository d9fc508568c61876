"""The page is one file that opens offline, whatever the names of the runs hold."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from clipbench.analysis.findings import find
from clipbench.analysis.load import load_runs
from clipbench.analysis.pages import page
from tests.analysis.stored import store, store_arms

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}\x1b"
VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and checks that every tag is closed."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def written(tree, **kwargs):
    return page(find(load_runs([tree]), metric="test/accuracy"), name="a study", **kwargs)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    store_arms(folder / "a", {"relu": [0.9, 0.8, 0.7], "pact": [0.95, 0.85, 0.7]})
    store_arms(folder / "b", {"relu": [0.9, 0.8], "pact": [0.95, 0.85]}, data="mnist")
    store(folder / "c", "pact", 9, None, status="diverged", cause="nan at step 3")
    return folder


@pytest.fixture(scope="module")
def text(tree):
    return written(tree, notes=["a note"])


def test_it_needs_nothing_from_elsewhere(text):
    assert "http:" not in text
    assert "https:" not in text
    reader = read(text)
    assert not {"script", "link", "iframe", "object", "base"} & set(reader.tags)
    sources = [value for name, value in reader.attributes if name in ("src", "href")]
    assert all(source.startswith(("data:image/svg+xml;base64,", "#")) for source in sources)
    (policy,) = [value for name, value in reader.attributes if value and "default-src" in value]
    assert policy.startswith("default-src 'none'")


def test_every_part_is_there(text):
    reader = read(text)
    shown = " ".join(" ".join(reader.text).split())
    for words in (
        "digits, cnn", "mnist, cnn", "All data sets together", "Performance profile",
        "not distinguishable from relu", "McNemar p", "sign-flip p", "control", "flexibility",
        "stability", "cost", "pact seed 9", "nan at step 3", "a note", "01234567", "2.13.0",
        "10 finished, 1 diverged",
    ):  # fmt: skip
        assert words in shown, words
    images = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text)
    assert len(images) == 2 * 9 + 2
    for image in images:
        ET.fromstring(base64.b64decode(image))
    assert all(len(value) > 20 for name, value in reader.attributes if name == "alt")


def test_links_lead_somewhere(text):
    reader = read(text)
    targets = {value for name, value in reader.attributes if name == "id"}
    links = {value[1:] for name, value in reader.attributes if name == "href"}
    assert len(links) == 4
    assert links <= targets


def named(folder, name):
    """Write a page in which every text is this name."""
    store(folder / "a", "relu", 0, 0.9)
    store(folder / "b", "pact", 0, 0.8, overrides=[f"clip={name}"])
    store(folder / "c", "silu", 0, None, status="failed", cause=name)
    findings = find(load_runs([folder]), metric="test/accuracy")
    runs = [replace(run, origin={"commit": name, "device": name}) for run in findings.runs]
    return page(replace(findings, runs=runs), name=name, notes=[name])


def test_names_stay_text(tmp_path):
    hostile = read(named(tmp_path / "hostile", EVIL))
    harmless = read(named(tmp_path / "harmless", "pact"))
    assert hostile.tags == harmless.tags
    assert [name for name, _ in hostile.attributes] == [name for name, _ in harmless.attributes]
    shown = "".join(hostile.text)
    assert "{{ 7*7 }}" in shown
    assert "\x1b" not in shown


def test_a_page_about_nothing_but_lost_runs_can_be_written(tmp_path):
    store(tmp_path / "a", "relu", 0, None, status="failed", cause="out of memory")
    (store(tmp_path / "b", "relu", 1, None) / "run.json").write_bytes(b"torn")
    shown = " ".join(read(written(tmp_path)).text)
    assert "out of memory" in shown
    assert "unreadable" in shown
    (tmp_path / "a" / "run.json").write_bytes(b"torn")
    assert "unreadable" in " ".join(read(written(tmp_path)).text)
