import sys
from functools import partial

import pytest

from clipbench.training.build import build, deferred, resolve

SEEDING = "clipbench.training.seeding"


def test_a_node_becomes_the_call_it_describes():
    node = {"_target_": f"{SEEDING}.derive", "seed": 3, "purpose": "order"}
    derive = resolve(f"{SEEDING}.derive")
    assert build(node) == derive(3, "order")
    assert build(node, index=7) == derive(3, "order", 7)


def test_a_partial_node_becomes_the_callable():
    node = {"_target_": f"{SEEDING}.derive", "_partial_": True, "seed": 3}
    made = build(node)
    assert isinstance(made, partial)
    assert made(purpose="order") == resolve(f"{SEEDING}.derive")(3, "order")


def test_what_is_left_uncalled_is_known_by_the_name_of_its_target():
    assert deferred({"_target_": f"{SEEDING}.derive"}).__qualname__ == f"{SEEDING}.derive"


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
        "clipbench.training.build.import_module",  # only imported there
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
    with pytest.raises(ValueError, match="clipbench|trust|imported|lies outside"):
        resolve(target)


def test_a_package_must_be_trusted_by_name(tmp_path, monkeypatch):
    (tmp_path / "mypkg_ran.py").write_text("raise SystemExit('ran')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"trust=\[mypkg_ran\]"):
        resolve("mypkg_ran.f")
    assert "mypkg_ran" not in sys.modules
