"""Laws of every probe in conf/probe: nobody adds a name to a list."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from clipbench.clips.learnable import LearnableClip
from clipbench.clips.relu import ReLU
from clipbench.clips.silu import SiLU
from clipbench.probes.observe import Probe, observe
from clipbench.records.histogram import BINS, Histogram

FILES = sorted((Path(__file__).parents[2] / "conf" / "probe").glob("*.yaml"))
CLIPS: list[Callable[[], Any]] = [
    ReLU,
    SiLU,
    LearnableClip,
    lambda: LearnableClip(per="channel", num_features=5),
]


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def make(request: pytest.FixtureRequest) -> Callable[[], Probe]:
    ((name, node),) = yaml.safe_load(request.param.read_text()).items()
    assert name == request.param.stem
    module, _, attribute = node.pop("_target_").rpartition(".")
    assert module == f"clipbench.probes.{name}"
    target = getattr(import_module(module), attribute)
    kinds = {parameter.kind for parameter in inspect.signature(target).parameters.values()}
    assert kinds <= {inspect.Parameter.KEYWORD_ONLY}
    return lambda: target(**node)


def _measure(probe: Probe, clip: Any, batches: list[Tensor]) -> tuple[dict, dict]:
    probe.reset()
    clip.eval()
    with torch.no_grad():
        for batch in batches:
            probe.update("site", clip, batch, clip(batch))
            probe.update_pooled("site", clip(batch))
    return probe.compute(), probe.histograms()


def _assert_finite(scalars: dict[str, float], histograms: dict[str, Histogram]) -> None:
    assert all(type(value) is float and math.isfinite(value) for value in scalars.values())
    for histogram in histograms.values():
        numbers = [histogram[key] for key in ("min", "max", "sum", "sum_squares")]  # type: ignore[literal-required]
        assert all(math.isfinite(value) for value in numbers + histogram["limits"])
        assert len(histogram["limits"]) == len(histogram["counts"]) == BINS
        assert sum(histogram["counts"]) == histogram["num"]
        assert histogram["limits"] == sorted(histogram["limits"])
        assert histogram["min"] <= histogram["limits"][0]
        assert histogram["max"] <= histogram["limits"][-1]


def _inputs(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("make_clip", CLIPS)
@pytest.mark.parametrize("shape", [(20, 5), (20, 5, 3, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_values_are_finite_for_every_kind_of_clip(
    make: Callable[[], Probe], make_clip: Any, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    batch = _inputs(*shape).to(dtype)
    scalars, histograms = _measure(make(), make_clip(), [batch, 2 * batch, batch])
    _assert_finite(scalars, histograms)
    has_threshold = make_clip is not ReLU and make_clip is not SiLU
    if has_threshold:
        assert len(scalars) + len(histograms) > 0
    means = {"sparsity/mean", "sparsity/elements", "saturation/mean"}
    assert all("site" in tag for tag in (scalars | histograms).keys() - means)


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -7.5, 1e-30, 3e38])
@pytest.mark.parametrize("make_clip", CLIPS)
def test_constant_inputs_give_finite_values(
    make: Callable[[], Probe], make_clip: Any, value: float
) -> None:
    batch = torch.full((4, 5), value)
    scalars, histograms = _measure(make(), make_clip(), [batch, batch])
    _assert_finite(scalars, histograms)


def test_no_batch_and_empty_batches_give_no_tag(make: Callable[[], Probe]) -> None:
    clip = LearnableClip()
    for batches in ([], [torch.empty(0, 5)], [torch.empty(0, 5, 3, 3)] * 2):
        assert _measure(make(), clip, batches) == ({}, {})


def test_an_empty_batch_among_others_changes_nothing(make: Callable[[], Probe]) -> None:
    clip, batch, empty = LearnableClip(), _inputs(20, 5), torch.empty(0, 5)
    expected = _measure(make(), clip, [batch])
    assert _measure(make(), clip, [empty, batch, empty]) == expected


def test_reset_forgets_everything(make: Callable[[], Probe]) -> None:
    clip, probe = LearnableClip(), make()
    _measure(probe, clip, [100 * _inputs(20, 5)])
    expected = _measure(make(), clip, [_inputs(20, 5)])
    assert _measure(probe, clip, [_inputs(20, 5)]) == expected


def test_computing_twice_gives_the_same(make: Callable[[], Probe]) -> None:
    probe = make()
    first = _measure(probe, LearnableClip(), [_inputs(20, 5)])
    assert (probe.compute(), probe.histograms()) == first


def test_measuring_draws_no_random_number_and_changes_no_tensor(
    make: Callable[[], Probe],
) -> None:
    state = torch.get_rng_state()
    batch = _inputs(600, 5, 10, 10)  # large enough to be sampled
    before = batch.clone()
    clip = LearnableClip()
    first = _measure(make(), clip, [batch])
    assert torch.equal(batch, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert _measure(make(), clip, [batch]) == first


def test_memory_layout_does_not_matter(make: Callable[[], Probe]) -> None:
    batch = _inputs(600, 5, 10, 10)
    expected = _measure(make(), LearnableClip(), [batch])
    strided = batch.contiguous(memory_format=torch.channels_last)
    scalars, histograms = _measure(make(), LearnableClip(), [strided])
    assert scalars == expected[0]
    for tag, histogram in histograms.items():
        same = expected[1][tag]
        assert (histogram["limits"], histogram["counts"]) == (same["limits"], same["counts"])
        # Sums are rounded in the order of memory.
        assert histogram["sum"] == pytest.approx(same["sum"], rel=1e-9)


def test_what_is_not_a_number_stops_nothing(make: Callable[[], Probe]) -> None:
    batch = _inputs(20, 5)
    batch[3, 2], batch[4, 1], batch[5, 0] = math.nan, math.inf, -math.inf
    for batches in ([batch, _inputs(20, 5)], [_inputs(20, 5), batch]):
        scalars, _ = _measure(make(), LearnableClip(), batches)
        assert all(0 <= value <= 1 for tag, value in scalars.items() if "quantile" not in tag)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_updates_never_wait_for_the_gpu(make: Callable[[], Probe]) -> None:
    probe, clip = make(), LearnableClip().cuda().eval()
    batch = _inputs(600, 5, 10, 10).cuda()
    outputs = clip(batch).detach()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            probe.update("site", clip, batch, outputs)
            probe.update_pooled("site", outputs)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    on_gpu = (probe.compute(), probe.histograms())
    on_cpu = _measure(make(), LearnableClip(), [batch.cpu()] * 3)
    assert on_gpu[0] == pytest.approx(
        {tag: value for tag, value in on_cpu[0].items() if tag in on_gpu[0]}
    )
    assert on_gpu[1].keys() == on_cpu[1].keys()


def test_a_model_is_measured_through_observe(
    make: Callable[[], Probe], net: Any, batches: tuple[Tensor, ...]
) -> None:
    probe = make()
    with observe(net, [probe]), torch.no_grad():
        for batch in batches:
            net(batch)
    measured = probe.compute() | probe.histograms()
    assert any("/hidden" in tag for tag in measured)


def test_every_probe_has_a_config() -> None:
    import clipbench.probes.observe as contract

    folder = Path(contract.__file__).parent
    modules = [import_module(f"clipbench.probes.{file.stem}") for file in folder.glob("[a-z]*.py")]
    classes = {
        f"{module.__name__}.{name}"
        for module in modules
        for name, member in vars(module).items()
        if inspect.isclass(member) and issubclass(member, Probe) and member is not Probe
        if member.__module__ == module.__name__
    }
    targets = {
        node["_target_"] for file in FILES for node in yaml.safe_load(file.read_text()).values()
    }
    assert targets == classes
