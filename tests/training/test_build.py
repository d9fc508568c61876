import sys
from functools import partial

import pytest

from clipbench.data.augment import Augment
from clipbench.training.build import build, deferred, resolve

AUGMENT = "clipbench.data.augment.Augment"


def test_a_node_becomes_the_call_it_describes():
    node = {"_target_": AUGMENT, "flip": True, "crop": 3}
    assert build(node) == Augment(flip=True, crop=3)
    assert build(node, cutout=7) == Augment(flip=True, crop=3, cutout=7)


def test_a_partial_node_becomes_the_callable():
    made = build({"_target_": AUGMENT, "_partial_": True, "crop": 3})
    assert isinstance(made, partial)
    assert made(flip=True) == Augment(flip=True, crop=3)


def test_what_is_left_uncalled_is_known_by_the_name_of_its_target():
    assert deferred({"_target_": AUGMENT}).__qualname__ == AUGMENT


def test_each_call_builds_nested_nodes_anew(tmp_path, monkeypatch):
    (tmp_path / "mypkg_nested.py").write_text(
        "class Part:\n    pass\n\nclass Whole:\n    def __init__(self, *, part):\n"
        "        self.part = part\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    node = {"_target_": "mypkg_nested.Whole", "part": {"_target_": "mypkg_nested.Part"}}
    make = deferred(node, trust=["mypkg_nested"])
    assert make().part is not make().part


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "subprocess.run",
        "torch.load",
        "clipbenchx.evil",
        "clipbench.models.mlp.pairwise",  # only imported there
        "clipbench.models.mlp._value",
        "clipbench.clips.no_such_module.f",
        # Ours, and no part of a run: what acts on files, the network or the whole program.
        "clipbench.cli.main.main",
        "clipbench.data.npm.from_npm",
        "clipbench.data.cache.write",
        "clipbench.records.journal.Journal",
        "clipbench.training.build.import_module",
        "clipbench.records.durable.os.system",
        "clipbench.training.build._value",
        "clipbench.training.build.OWN_PACKAGE",
        "clipbench.training.no_such_module.f",
        "clipbench",
        "",
        ".",
    ],
)
def test_what_may_not_be_named(target):
    with pytest.raises(ValueError, match="clipbench|trust|imported|lies outside|no data set"):
        resolve(target)


def test_a_package_must_be_trusted_by_name(tmp_path, monkeypatch):
    (tmp_path / "mypkg_ran.py").write_text("raise SystemExit('ran')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"trust=\[mypkg_ran\]"):
        resolve("mypkg_ran.f")
    assert "mypkg_ran" not in sys.modules


def test_a_part_and_all_parts_in_it_lie_in_the_room_that_is_asked():
    inner = {"_target_": "clipbench.data.mnist.load", "root": "/elsewhere", "val_size": 1}
    node = {"_target_": "clipbench.models.mlp.MLP", "widths": [inner]}
    with pytest.raises(ValueError, match="not in clipbench.models"):
        build(node, room="models", num_classes=2)
    with pytest.raises(ValueError, match="not in clipbench.clips"):
        resolve("clipbench.models.mlp.MLP", room="clips")
