"""The measures of clips, on a clock that ticks by itself."""

from itertools import count

import pytest
import torch
from torch import nn

from clipbench.bench import clips, compiled
from clipbench.bench.bandwidth import BACKWARD, FORWARD, gigabytes_a_second, share_of_copy
from clipbench.bench.clips import REFERENCES, Subject, both_passes, clips_part, site_input
from clipbench.bench.compiled import NotCompiled, why_no_compiler


@pytest.fixture
def ticking(monkeypatch):
    ticks = count()
    monkeypatch.setattr(clips, "device_clock", lambda device: lambda: 1e-6 * next(ticks))


def a_part(turns=2, **forms):
    x = site_input((2, 3, 4, 4), device=torch.device("cpu"), dtype=torch.float32)
    module = nn.PReLU()
    subjects = {"mine": Subject(module, list(module.parameters()))}
    return clips_part(subjects, x, turns=turns, compiled=forms, told=lambda: None)


def test_times_are_per_element_and_shares_against_the_copy(ticking):
    part = a_part()
    rows = {row.name: row.measures for row in part.rows}
    assert list(rows) == ["copy", *REFERENCES, "mine"]
    # Every stretch takes one tick, a microsecond, for 96 elements.
    for name in ("forward", "backward"):
        assert rows["mine"][name].values == pytest.approx([1e3 / 96] * 2)
    assert rows["mine"]["forward share"].values == pytest.approx([1.0, 1.0])
    assert rows["mine"]["backward share"].values == pytest.approx([1.5, 1.5])
    assert rows["mine"]["to nn.ReLU"].values == pytest.approx([1.0, 1.0])
    assert rows["copy"]["bandwidth"].values == pytest.approx([2 * 96 * 4 / 1e-6 / 1e9] * 2)
    assert "compiled forward" not in rows["mine"]


def test_a_compiled_form_stands_beside_the_eager_one(ticking):
    rows = {row.name: row.measures for row in a_part(mine=torch.relu).rows}
    assert rows["mine"]["compiled to eager"].values == pytest.approx([1.0, 1.0])
    assert "compiled forward" not in rows["nn.ReLU"]


def test_bytes_are_those_that_must_move():
    x = torch.zeros(1000)
    assert gigabytes_a_second(x, 1e-6) == pytest.approx(8.0)
    assert (share_of_copy(FORWARD), share_of_copy(BACKWARD)) == (1.0, 1.5)


def test_maps_are_channels_last_and_the_same_every_time():
    device = torch.device("cpu")
    x = site_input((2, 3, 4, 5), device=device, dtype=torch.float32)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(x, site_input((2, 3, 4, 5), device=device, dtype=torch.float32))
    assert site_input((2, 3), device=device, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_the_backward_pass_reaches_what_learns():
    x = site_input((2, 3), device=torch.device("cpu"), dtype=torch.float32)
    reached = []
    module = nn.PReLU()
    module.weight.register_hook(lambda gradient: reached.append(gradient))
    both_passes(Subject(module, [module.weight]), x, torch.ones_like(x), clock=lambda: 0.0)
    assert len(reached) == 1


def test_where_no_compiler_works_the_reason_is_said(monkeypatch):
    def refuse(module):
        raise RuntimeError("no working\ncompiler")

    monkeypatch.setattr(compiled.torch, "compile", refuse)
    assert why_no_compiler(torch.device("cpu")) == "no working compiler"
    with pytest.raises(NotCompiled):
        compiled.compiled(nn.ReLU(), torch.ones(2, requires_grad=True))
