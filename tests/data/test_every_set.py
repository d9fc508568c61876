"""What holds for every set of conf/data; a new one is found by its file."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml
from annotated_types import Lt

from clipbench.data import cache
from clipbench.data.augment import Augment
from clipbench.data.images import ImageData
from clipbench.data.sources import FileSet, obtain
from tests.data.tiny_files import file_set

CONF = Path(__file__).parents[2] / "conf" / "data"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml"))


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def config(name: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / f"{name}.yaml").read_text())


def module(name: str) -> Any:
    return import_module(f"clipbench.data.{name}")


def test_the_file_says_what_a_set_has_to(name):
    text = (CONF / f"{name}.yaml").read_text()
    assert text.startswith("# @package _global_\n")
    assert set(config(name)) == {"data", "trainer"}
    assert set(config(name)["trainer"]) == {"epochs"}
    assert config(name)["data"]["_target_"] == f"clipbench.data.{name}.load"


def test_every_key_is_a_parameter_and_every_parameter_can_be_resolved(name):
    load = module(name).load
    given = config(name)["data"]
    augment = given.pop("augment")
    if augment is not None:
        assert augment.pop("_target_") == "clipbench.data.augment.Augment"
        Augment(**augment)
    del given["_target_"]
    inspect.signature(load).bind(**given)
    hints = get_type_hints(load, include_extras=True)
    assert hints["return"] is ImageData
    assert hints["augment"] == Augment | None


def test_only_sets_with_files_have_a_root(name):
    parameters = set(inspect.signature(module(name).load).parameters)
    has_files = isinstance(module(name).CARD, FileSet)
    assert ({"root", "offline"} <= parameters) == has_files
    assert ({"root", "offline"} & set(config(name)["data"]) != set()) == has_files


def test_the_largest_validation_part_leaves_one_image(name):
    """So a larger one is refused before anything is fetched."""
    bounds = get_type_hints(module(name).load, include_extras=True)["val_size"].__metadata__
    limits = [bound.lt for bound in bounds if isinstance(bound, Lt)]
    card = module(name).CARD
    if isinstance(card, FileSet):
        assert limits == [card.train]
    elif name == "digits":
        assert len(module(name).load(val_size=limits[0] - 1).train) == 1


def test_the_card_is_of_this_set(name):
    card = module(name).CARD
    assert card.name == name
    if isinstance(card, FileSet):
        assert len(set(card.class_names)) == len(card.class_names)
        assert set(card.shapes) == {"train_images", "train_labels", "test_images", "test_labels"}
        if card.sha256 is not None:
            assert set(card.sha256) == set(card.shapes)
            assert {len(digest) for digest in card.sha256.values()} == {64}


def test_no_set_imports_what_is_slow():
    modules = [f"clipbench.data.{name}" for name in NAMES]
    script = f"""
import sys
from importlib import import_module
for module in {modules}:
    import_module(module)
slow = {{"torch", "torchvision", "sklearn", "PIL", "hydra", "omegaconf"}} & set(sys.modules)
assert not slow, slow
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=CONF.parents[1])


@pytest.mark.parametrize("name", [n for n in NAMES if isinstance(module(n).CARD, FileSet)])
def test_a_set_of_files_is_loaded_from_its_cache(name, tmp_path, monkeypatch):
    """The way from the cache to a set, with a small stand-in for the real arrays."""
    from tests.data.tiny_files import colour, grey

    card = module(name).CARD
    arrays = grey(side=28) if card.image_shape == (28, 28) else colour()
    small = file_set(arrays, name=name, class_names=card.class_names)
    monkeypatch.setattr(module(name), "CARD", small)
    cache.write(tmp_path / name, arrays, source="here", sha256=small.sha256)
    augment = Augment(flip=True)
    data = module(name).load(root=str(tmp_path), val_size=2, augment=augment, offline=True)
    assert (data.name, data.num_classes) == (name, len(card.class_names))
    assert (len(data.train), len(data.val), len(data.test)) == (4, 2, 4)
    assert data.provenance == obtain(small, root=str(tmp_path), offline=True).provenance
    assert data.augment is augment


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        # Published: Krizhevsky's set as the field normalises it.
        ("cifar10", [0.49139968, 0.48215841, 0.44653091], [0.24703223, 0.24348513, 0.26158784]),
        ("mnist", [0.13066048], [0.30810781]),
        ("fashion_mnist", [0.28604059], [0.35302424]),
    ],
)
def test_the_real_set_has_its_published_statistics(name, mean, std):
    if not cache.is_present(cache.folder_of(name, root=None)):
        pytest.skip(f"{name} is not in the cache")
    data = module(name).load(val_size=0, offline=True)
    assert (data.mean / 255).tolist() == pytest.approx(mean, abs=1e-6)
    assert (data.std / 255).tolist() == pytest.approx(std, abs=1e-6)
    counts = data.test.labels.bincount()
    assert counts.sum() == 10_000
