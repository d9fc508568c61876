"""What a record of somebody else's may make a command do: read, and no more than it says."""

from __future__ import annotations

import json
import shutil

import pytest

from clipbench.cli.recorded import read_recorded
from clipbench.records.json_text import sha256
from clipbench.records.reading import RunError
from clipbench.records.run_dir import RUN_FILE


@pytest.fixture
def run(smoke_run, tmp_path):
    return shutil.copytree(smoke_run, tmp_path / "run")


def change(run, **nodes):
    """Change the recorded configuration and give it the digest that fits."""
    manifest = json.loads((run / RUN_FILE).read_text())
    del manifest["digest"]
    manifest["config"] |= nodes
    (run / RUN_FILE).write_text(json.dumps({**manifest, "digest": sha256(manifest)}))


def test_nothing_recorded_is_filled_in(run, monkeypatch):
    monkeypatch.setenv("TOKEN", "secret")
    change(run, name="${oc.env:TOKEN}")
    with pytest.raises(RunError, match="holds an interpolation") as caught:
        read_recorded(run, [])
    assert "secret" not in str(caught.value)


def test_a_recorded_root_is_taken_only_where_the_set_lies_there(run, tmp_path):
    data = {"_target_": "clipbench.data.mnist.load", "val_size": 5000, "split_seed": 0}
    root = tmp_path / "elsewhere"
    change(run, data={**data, "root": str(root), "augment": None, "offline": True})
    assert read_recorded(run, []).config["data"]["root"] is None
    assert read_recorded(run, [f"data.root={root}"]).config["data"]["root"] == str(root)
    (root / "mnist").mkdir(parents=True)
    (root / "mnist" / "origin.json").write_text("{}")
    assert read_recorded(run, []).config["data"]["root"] == str(root)
