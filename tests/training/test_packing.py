"""A state comes back equal or not at all: no damage, no code, no expansion, no NaN."""

import io
import math
import pickle
import resource
import time
import zipfile

import pytest
import torch

from clipbench.records.frame import wrap
from clipbench.training.packing import FORMAT, non_finite, pack, unpack


def a_state(**parts):
    weights = {"conv1.weight": torch.arange(6.0).reshape(2, 3), "bn.steps": torch.tensor(7)}
    optimizer = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]}
    return {"model": weights, "optimizer": optimizer, "step": 7, "name": "a", **parts}


def framed(write):
    buffer = io.BytesIO()
    write(buffer)
    return wrap(buffer.getvalue(), version=FORMAT)


def test_a_state_comes_back_equal():
    state = a_state(none=None, flag=True, pair=(1, 2.5), shared=torch.ones(4)[1:])
    back = unpack(pack(state))
    assert back.keys() == state.keys()
    assert torch.equal(back["model"]["conv1.weight"], state["model"]["conv1.weight"])
    assert back["optimizer"]["param_groups"] == [{"lr": 0.1}]
    assert (back["none"], back["flag"], back["pair"]) == (None, True, (1, 2.5))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("parts", "key"),
    [
        (lambda x: {"model": {"fc.weight": torch.tensor([1.0, x])}}, "model.fc.weight"),
        (lambda x: {"model": {"fc.clip.upper.raw": torch.tensor(x)}}, "model.fc.clip.upper.raw"),
        (lambda x: {"optimizer": {"state": [torch.tensor(x)]}}, "optimizer.state.0"),
        (lambda x: {"best": x}, "best"),
    ],
)
def test_a_value_that_is_not_finite_is_found_by_its_key(parts, key, wrong):
    state = a_state(**parts(wrong))
    assert non_finite(state) == key
    with pytest.raises(ValueError, match=f"non-finite value in {key}"):
        unpack(framed(lambda buffer: torch.save(state, buffer)))


def test_infinity_may_stand_for_none_yet_and_nan_for_nothing():
    def unset(value):
        part = torch.tensor([1.0, value])
        return a_state(grad_clip_state={"norms": part}), a_state(model={"fc.clip.upper": part})

    assert all(non_finite(state) is None for state in unset(math.inf))
    assert all(non_finite(state) is not None for state in unset(math.nan))


def test_what_could_not_be_read_again_is_not_packed():
    with pytest.raises(TypeError, match="model.x is a complex"):
        pack({"model": {"x": 1j}})


class Gadget:
    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return (open, (self.marker, "w"))


@pytest.mark.parametrize("protocol", [2, 4])
def test_code_is_never_run(tmp_path, protocol):
    gadget = {"model": Gadget(tmp_path / "marker")}
    for write in (
        lambda buffer: torch.save(gadget, buffer, pickle_protocol=protocol),
        lambda buffer: pickle.dump(gadget, buffer, protocol=protocol),
        lambda buffer: torch.save(gadget, buffer, _use_new_zipfile_serialization=False),
    ):
        with pytest.raises(ValueError, match="holds no"):
            unpack(framed(write))
    assert list(tmp_path.iterdir()) == []


def test_a_compressed_bomb_is_refused_before_it_expands():
    size = 256 * 2**20
    small = io.BytesIO()
    torch.save({"model": torch.zeros(4, dtype=torch.uint8)}, small)

    def deflate(buffer):
        with (
            zipfile.ZipFile(small) as source,
            zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bomb,
        ):
            for name in source.namelist():
                with bomb.open(name, "w") as member:
                    if not name.endswith("/0"):
                        member.write(source.read(name))
                    for _ in range(256 if name.endswith("/0") else 0):
                        member.write(bytes(size // 256))

    content = framed(deflate)
    assert len(content) < size // 500
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="compressed archive"):
        unpack(content)
    assert time.perf_counter() - started < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 2**10


def test_a_tensor_larger_than_its_file_is_refused_before_it_is_looked_at():
    endless = torch.zeros(1).expand(10**12)
    content = framed(lambda buffer: torch.save({"model": {"x": endless}}, buffer))
    with pytest.raises(ValueError, match="do not fit into it"):
        unpack(content)


def test_a_nest_that_doubles_itself_is_looked_at_once():
    nest: list = [1]
    for _ in range(200):
        nest = [nest, nest]
    assert non_finite({"model": nest}) is None
