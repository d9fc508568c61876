"""The laws of every clip in ``conf/clip``, found from the folder.

The formula of a clip's thresholds stands in the test file that mirrors its own,
``tests/clips/test_<file>.py``, as ``threshold_slope(clip, x, value, batch)``: the derivative of one
output element by each learned threshold, in plain Python, at the input element ``x`` of ``batch``
and the threshold values ``value``.
"""

from __future__ import annotations

import copy
import inspect
import math
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch
import yaml
from torch.func import functional_call, grad, jacrev, stack_module_state, vmap

from clipbench.clips.base import Clip
from clipbench.clips.threshold import Threshold

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "conf" / "clip"
CHANNELS = 3
DTYPES = [torch.float32, torch.float64, torch.bfloat16]
SHAPES = [(6, CHANNELS), (2, CHANNELS, 4, 3)]


def read(path):
    node = yaml.safe_load(path.read_text())
    node.pop("defaults", None)
    module, name = node.pop("_target_").rsplit(".", 1)
    return getattr(import_module(module), name), node


NODES = {path.stem: read(path) for path in sorted(FOLDER.glob("*.yaml"))}
# Every clip as its YAML has it, and once more for each setting that changes what is learned.
VARIANTS = {"channel": {"per": "channel"}, "fixed": {"learned": False}, "rounded": {"bits": 3}}


def cases_of(name, keys):
    yield name, "default"
    yield from ((name, v) for v, changed in VARIANTS.items() if keys.keys() >= changed.keys())


CASES = [case for name, (_, keys) in NODES.items() for case in cases_of(name, keys)]


class Case:
    def __init__(self, name, variant):
        self.kind, keys = NODES[name]
        self.keys = {**keys, **VARIANTS.get(variant, {})}

    def make(self, **more):
        return self.kind(num_features=CHANNELS, **{**self.keys, **more})


def cases(*, where=lambda clip: True):
    chosen = [case for case in CASES if where(Case(*case).make())]
    return pytest.fixture(lambda request: Case(*request.param), params=chosen, ids="-".join)


case = cases()
learned = cases(where=lambda clip: clip.slopes(torch.zeros(2, CHANNELS)))
differentiable = cases(where=lambda clip: clip.gradient != "surrogate")


def random(shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)


def inputs_around(clip, shape=SHAPES[0]):
    """Return inputs on both sides of every threshold, some exactly at it, and zeros."""
    x = random(shape) * 2
    values = [t.detach().double().flatten()[0].item() for t in clip.thresholds().values()]
    ties = [0.0]
    for value in [*values, sum(values[:2])]:
        ties += [value, -value, value + 0.05] if math.isfinite(value) else []
    x.view(-1)[: len(ties)] = torch.tensor(ties[: x.numel()], dtype=x.dtype)
    return x


def raw_parameters(clip):
    """Return the parameter of each learned threshold, which the clip holds under its name."""
    names = clip.slopes(random(SHAPES[0]).to(next(clip.parameters()).dtype))
    raws = {name: clip.get_parameter(f"{name}.raw") for name in names}
    owned = [part.raw for part in clip.modules() if isinstance(part, Threshold)]
    learned = [raw for raw in owned if isinstance(raw, torch.nn.Parameter)]
    assert {id(raw) for raw in raws.values()} == {id(raw) for raw in learned}
    return raws


def with_round_thresholds(clip):
    """Bring thresholds to multiples of 1/64, so that sums of two are exact and ties are ties."""
    for name, threshold in clip.thresholds().items():
        owner = getattr(clip, name)
        if owner.positivity in ("project", "free", "abs"):
            owner.set_value((threshold.detach() * 64).round() / 64)
    return clip


def is_positive(clip, name):
    """Say whether a threshold is one that must not be negative."""
    return getattr(clip, name).positivity != "free"


def functional(clip, tensors, x):
    buffers = {name: buffer.clone() for name, buffer in clip.named_buffers()}
    return functional_call(clip, {**buffers, **tensors}, (x,))


def fill(clip, number):
    with torch.no_grad():
        for parameter in clip.parameters():
            parameter.fill_(number)


def formula_of(clip):
    file = type(clip).__module__.rsplit(".", 1)[1]
    path = ROOT / "tests" / "clips" / f"test_{file}.py"
    spec = spec_from_file_location(f"formula_of_{file}", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.threshold_slope


def test_its_yaml_shows_every_setting(case):
    # Hydra lets a user change only what a YAML file shows.
    signature = inspect.signature(case.kind)
    assert {"num_features", *case.keys} == set(signature.parameters)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


def test_its_help_is_one_line(case):
    first = inspect.getdoc(case.kind).splitlines()[0]
    assert first.endswith(".")
    assert case.kind.__doc__ != Clip.__doc__


def test_its_declarations_fit_together(case):
    clip = case.make()
    learns = bool(list(clip.parameters()))
    assert clip.threshold_decay in ("none", "weights")
    assert clip.gradient in ("exact", "surrogate", "none")
    assert (clip.verdict == "FIXED") == (not learns)
    expected = {"exact": "EXACT", "surrogate": "SURROGATE", "none": "NO_GRADIENT"}
    assert not learns or clip.verdict in (expected[clip.gradient], "ZERO_ALMOST_EVERYWHERE")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shape_and_dtype_are_kept_and_gradients_are_finite(case, shape, dtype):
    clip = case.make().to(dtype)
    x = inputs_around(clip, shape).to(dtype).requires_grad_()
    y = clip(x)
    (y * random(shape, 1).to(dtype)).sum().backward()
    assert (y.shape, y.dtype) == (x.shape, dtype)
    assert y.isfinite().all()
    assert x.grad.isfinite().all()
    for part in clip.modules():
        if isinstance(part, Threshold):
            assert part.raw.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    for parameter in clip.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()


def test_two_calls_of_the_factory_share_no_tensor(case):
    first, second = case.make(), case.make()
    ours = {tensor.data_ptr() for tensor in first.state_dict().values()}
    assert ours.isdisjoint(tensor.data_ptr() for tensor in second.state_dict().values())


def test_forward_writes_nothing_on_the_clip(case):
    clip = case.make().eval()
    before, state = dict(vars(clip)), copy.deepcopy(clip.state_dict())
    children = {name: dict(vars(child)) for name, child in clip.named_modules()}
    x = inputs_around(clip).float()
    inputs = x.clone()
    clip(x)
    clip.window(x)
    clip.saturated(x)
    assert dict(vars(clip)) == before
    assert {name: dict(vars(child)) for name, child in clip.named_modules()} == children
    assert all(torch.equal(state[name], tensor) for name, tensor in clip.state_dict().items())
    assert torch.equal(x, inputs)


def test_a_saved_state_brings_back_the_same_function(case):
    trained, fresh = case.make(), case.make()
    fill(trained, 0.37)
    trained.eval(), fresh.eval()
    x = inputs_around(trained).float()
    fresh.load_state_dict(trained.state_dict())
    assert torch.equal(fresh(x), trained(x))


def test_thresholds_and_marks_have_the_same_names_and_the_right_shapes(case):
    clip = case.make()
    x = inputs_around(clip, SHAPES[1]).float()
    per_channel = case.keys.get("per") == "channel"
    assert set(clip.window(x)) == set(clip.slopes(x)) <= set(clip.thresholds())
    for slope in clip.slopes(x).values():
        assert (slope.shape, slope.dtype) == (x.shape, x.dtype)
    for threshold in clip.thresholds().values():
        assert threshold.shape == ((CHANNELS,) if per_channel else ())
    for mark in [*clip.window(x).values(), clip.saturated(x)]:
        assert (mark.shape, mark.dtype) == (x.shape, torch.bool)


def test_vmap_over_stacked_clips_equals_a_loop(case):
    clips = [case.make() for _ in range(3)]
    for clip, number in zip(clips, (0.3, 0.7, 1.1), strict=True):
        fill(clip, number)
    parameters, buffers = stack_module_state(clips)
    x, weights = random((3, *SHAPES[1]), 1, torch.float32), random(SHAPES[1], 2, torch.float32)

    def loss(parameters, buffers, x):
        return (functional_call(clips[0], (parameters, buffers), (x,)) * weights).sum()

    together = vmap(grad(loss, argnums=(0, 2)))(parameters, buffers, x)
    for i, clip in enumerate(clips):
        single = grad(loss, argnums=(0, 2))(
            dict(clip.named_parameters()), dict(clip.named_buffers()), x[i]
        )
        torch.testing.assert_close(together[1][i], single[1])
        for name, gradient in single[0].items():
            torch.testing.assert_close(together[0][name][i], gradient)


def test_compile_takes_it_whole(case):
    torch._dynamo.reset()
    clip = case.make()
    x = inputs_around(clip).float().requires_grad_()
    leaves = [x, *clip.parameters()]
    weights = random(x.shape, 3, torch.float32)

    def run(function):
        y = function(x)
        gradients = torch.autograd.grad((y * weights).sum(), leaves, allow_unused=True)
        return y, [g for g in gradients if g is not None]

    y, gradients = run(torch.compile(clip, fullgraph=True, backend="eager"))
    expected, slopes = run(clip)
    assert torch.equal(y, expected)
    assert len(gradients) == len(slopes)
    for gradient, slope in zip(gradients, slopes, strict=True):
        torch.testing.assert_close(gradient, slope)
    torch._dynamo.reset()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_threshold_gradient_equals_the_written_formula(learned, shape):
    clip = with_round_thresholds(learned.make().double())
    slope, x, g = formula_of(clip), inputs_around(clip, shape), random(shape, 1)
    values = {name: t.detach().expand(CHANNELS) for name, t in clip.thresholds().items()}
    totals = {name: [0.0] * CHANNELS for name in clip.slopes(x)}
    for index in torch.cartesian_prod(*[torch.arange(size) for size in shape]).tolist():
        channel = index[1]
        here = {name: value[channel].item() for name, value in values.items()}
        for name, number in slope(clip, x[tuple(index)].item(), here, x).items():
            totals[name][channel] += g[tuple(index)].item() * number
    raws = raw_parameters(clip)
    found = torch.autograd.grad(
        (clip(x.requires_grad_()) * g).sum(), list(raws.values()), allow_unused=True
    )
    for (name, raw), gradient in zip(raws.items(), found, strict=True):
        # Through the positivity map: the formula speaks of the effective value.
        (chain,) = torch.autograd.grad(clip.thresholds()[name].sum(), raw)
        expected = torch.tensor(totals[name], dtype=torch.float64)
        expected = chain * (expected if raw.dim() else expected.sum()) * clip.gradient_scale(x)
        gradient = torch.zeros_like(raw) if gradient is None else gradient
        # Sums of terms that cancel: relative to the size of the terms.
        size = max(1.0, g.abs().sum().item() * chain.abs().max().item())
        torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-12 * size)


def test_gradients_equal_finite_differences_unless_they_are_surrogates(differentiable):
    clip, step = differentiable.make().double(), 1e-6
    # Random numbers, so none within a step of a tie.
    x, g = random(SHAPES[1], 4) * 2, random(SHAPES[1], 5)
    parameters = dict(clip.named_parameters()) if clip.gradient == "exact" else {}
    tensors = {"x": x, **{name: p.detach() for name, p in parameters.items()}}

    def loss(tensors):
        raws = {name: tensor for name, tensor in tensors.items() if name != "x"}
        return (functional(clip, raws, tensors["x"]) * g).sum()

    slopes = grad(loss)(tensors)
    for name, tensor in tensors.items():
        direction = random(tensor.shape, 6)
        ends = [{**tensors, name: tensor + sign * step * direction} for sign in (1, -1)]
        difference = (loss(ends[0]) - loss(ends[1])) / (2 * step)
        expected = (slopes[name] * direction).sum()
        torch.testing.assert_close(difference, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("raw", [-1.0, 0.0, 1e-30, 1e30, -1e30, math.inf, -math.inf])
def test_a_threshold_can_never_become_invalid(learned, raw):
    clip = learned.make().double()
    fill(clip, raw)
    x = random(SHAPES[0])
    assert clip(x).isfinite().all()
    clip.project()
    for name, threshold in clip.thresholds().items():
        assert threshold.isfinite().all()
        assert (threshold >= 0).all() or not is_positive(clip, name)
    # Near every threshold where it is now, wherever that is, and on its scale.
    values = [t.detach().flatten()[0].abs() for t in clip.thresholds().values()]
    total = sum(values)
    noise = random((64, CHANNELS), 1)
    near = [value + random((64, CHANNELS), 2) for value in [*values, total, -total]]
    # What is about a negative threshold can be as narrow as the least of them.
    near += [min(values) * noise - value for value in values]
    x = torch.cat([noise, noise / total.clamp_min(1e-3), total * noise, *near])
    y = clip(x.requires_grad_())
    (y * random(x.shape, 3)).sum().backward()
    assert y.isfinite().all()
    for parameter in clip.parameters():
        assert (parameter.grad is None) == (clip.gradient == "none")
        assert clip.gradient == "none" or (parameter.grad.isfinite() & (parameter.grad != 0)).any()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_slopes_and_window_are_those_of_the_gradient_of_each_element(learned, shape):
    clip = learned.make().double()
    x = inputs_around(clip, shape)
    raws = raw_parameters(clip)
    jacobian = jacrev(lambda raws: functional(clip, raws, x))(
        {f"{name}.raw": raw.detach() for name, raw in raws.items()}
    )
    for name, written in clip.slopes(x).items():
        slope = jacobian[f"{name}.raw"]
        (chain,) = torch.autograd.grad(clip.thresholds()[name].sum(), raws[name])
        if slope.dim() > x.dim():
            slope = slope.sum(-1)  # of channels, an element knows its own only
        expected = written.detach() * chain.flatten()[0] * clip.gradient_scale(x)
        torch.testing.assert_close(slope, expected, rtol=1e-9, atol=1e-12)
        assert torch.equal(clip.window(x)[name], slope != 0)


def test_the_verdict_is_what_autograd_shows(learned):
    clip = learned.make().double()
    x = inputs_around(clip)
    (clip(x.requires_grad_()) * random(x.shape, 1)).sum().backward()
    for parameter in clip.parameters():
        if clip.verdict == "NO_GRADIENT":
            assert parameter.grad is None
        elif clip.verdict == "ZERO_ALMOST_EVERYWHERE":
            assert (parameter.grad == 0).all()
        else:
            assert (parameter.grad != 0).any()


def test_what_is_active_is_what_lets_something_through(case):
    clip = case.make()
    x = inputs_around(clip).float().requires_grad_()
    active = clip.active(x)
    if active is None:
        return
    assert torch.equal(active != 0, clip(x) != 0)
    assert set(active.detach().unique().tolist()) == {0.0, 1.0}
    gradients = torch.autograd.grad(active.sum(), [x, *clip.parameters()], allow_unused=True)
    assert gradients[0] is None or not gradients[0].any()
    assert all((g < 0).any() for g in gradients[1:])  # a higher threshold lets less through


@pytest.mark.parametrize("name", [name for name, v in CASES if v == "channel"])
def test_a_threshold_per_channel_needs_to_know_how_many_there_are(name):
    kind, keys = NODES[name]
    with pytest.raises(ValueError, match="per='channel' needs num_features"):
        kind(**{**keys, "per": "channel"})
