"""The laws of every clip in ``conf/clip``, found from the folder.

A clip's formulas stand in plain Python in the test file that mirrors its own,
``tests/clips/test_<file>.py``. Each is of the input element ``x``, which stands in ``batch`` at the
index ``at``, and of the threshold values ``value`` there:

- ``threshold_slope(clip, x, value, batch, at)``: the derivative of one output element by each
  learned threshold;
- ``input_slope``, of the same arguments: the derivative of one output element by its input;
- ``is_saturated``, of the same arguments, where the clip marks what is saturated;
- ``active_slope``, where it says what is active: the derivative of that;
- ``ties(clip, value)``: the inputs besides zero and the thresholds at which a formula changes, and
  one within each part that is narrow.
"""

from __future__ import annotations

import copy
import inspect
import math
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
import torch
import yaml
from torch.func import functional_call, grad, jacrev, stack_module_state, vmap

from clipbench.cli.check import faults_of_target
from clipbench.clips.base import Clip
from clipbench.clips.drsn import DRSN
from clipbench.clips.positivity import Positivity
from clipbench.clips.threshold import Threshold

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "conf" / "clip"
CHANNELS = 3
DTYPES = [torch.float32, torch.float64, torch.bfloat16]
SHAPES = [(12, CHANNELS), (2, CHANNELS, 4, 3)]


def read(path):
    node = yaml.safe_load(path.read_text())
    node.pop("defaults", None)
    target = node.pop("_target_")
    module, name = target.rsplit(".", 1)
    return getattr(import_module(module), name), node, target


NODES = {path.stem: read(path) for path in sorted(FOLDER.glob("*.yaml"))}
# Every clip as its YAML has it, and once more for each setting that changes its formula, ...
KINDS = {
    "channel": {"per": "channel"},
    "neuron": {"per": "neuron", "init": "percentile:60"},
    "fixed": {"learned": False},
    "rounded": {"bits": 3},
    "unlimited": {"magnitude": None},
    "absolute": {"relative": False},
    "negative": {"mask": "negative"},
    "channels": {"mask": "channels", "channels": [0, 2]},
}
# ... or only its numbers: those are for the laws about values and gradients.
NUMBERS = {
    "small": {"init": 0.0625},
    "rule": {"init": "percentile:60"},
    **{name: {"positivity": name} for name in get_args(Positivity)},
}
EVERYTHING = {**KINDS, **NUMBERS}


def random(shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)


def cases_of(name, variants):
    yield name, "default"
    _, keys, target = NODES[name]
    for variant, changed in variants.items():
        new = {**keys, **changed}
        known = keys.keys() == new.keys() and keys != new
        if known and not faults_of_target({"_target_": target, **new}, group="clip"):
            yield name, variant


class Case:
    def __init__(self, name, variant):
        self.kind, keys, _ = NODES[name]
        self.keys = {**keys, **EVERYTHING.get(variant, {})}

    def make(self, shape=SHAPES[0]):
        """Make the clip, calibrated on inputs of this shape if it has a data rule."""
        clip = self.kind(num_features=CHANNELS, **self.keys)
        clip.calibrate(random((16, *shape[1:]), 9, torch.float32))
        return clip


def cases(variants=KINDS, *, where=lambda clip: True):
    found = [case for name in NODES for case in cases_of(name, variants)]
    chosen = [case for case in found if where(Case(*case).make())]
    return pytest.fixture(lambda request: Case(*request.param), params=chosen, ids="-".join)


case = cases()
valued = cases(EVERYTHING)
# The thresholds of DRSN hang on the whole sample: its own tests follow every gradient by hand.
elementwise = cases(EVERYTHING, where=lambda clip: not isinstance(clip, DRSN))
learned = cases(EVERYTHING, where=lambda clip: clip.slopes(torch.zeros(SHAPES[0])))
differentiable = cases(EVERYTHING, where=lambda clip: clip.gradient != "surrogate")
gate = cases(EVERYTHING, where=lambda clip: type(clip).active is not Clip.active)


@cache
def formulas(file):
    path = ROOT / "tests" / "clips" / f"test_{file}.py"
    spec = spec_from_file_location(f"formulas_of_{file}", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def formulas_of(clip):
    return formulas(type(clip).__module__.rsplit(".", 1)[1])


def spread(threshold, x):
    """Return the threshold of each element of ``x``, of whatever shape the threshold is."""
    per_channel = threshold.dim() == 1
    return (threshold.view(-1, *[1] * (x.dim() - 2)) if per_channel else threshold).expand_as(x)


def written(clip, x, formula):
    """Return what a formula gives for each element of ``x``, in order."""
    values = {name: spread(t.detach(), x) for name, t in clip.thresholds().items()}
    answers = []
    for at in product(*map(range, x.shape)):
        here = {name: value[at].item() for name, value in values.items()}
        answers.append(formula(clip, x[at].item(), here, x.detach(), at))
    return answers


def written_slopes(clip, x, formula):
    """Return the slopes that a formula gives, by threshold, each of the shape of ``x``."""
    rows = written(clip, x, formula)
    return {name: x.new_tensor([row[name] for row in rows]).view(x.shape) for name in rows[0]}


def inputs_around(clip, shape=SHAPES[0]):
    """Return inputs on both sides of every threshold, some exactly at it, and zeros."""
    x, thresholds = random(shape) * 2, clip.thresholds()
    first = {name: t.detach().double().flatten()[0].item() for name, t in thresholds.items()}
    more = getattr(formulas_of(clip), "ties", lambda clip, value: [])
    ties = [0.0]
    for value in [*first.values(), *more(clip, first)]:
        ties += [value, -value, value + 0.05] if math.isfinite(value) else []
    assert len(ties) < x.numel() - 6
    x.view(-1)[: len(ties)] = torch.tensor(ties, dtype=x.dtype)
    for threshold in thresholds.values():
        if threshold.numel() > 1:  # each has its own, and its own ties
            x[-1, ..., -1] = spread(threshold.detach().double(), x)[-1, ..., -1]
    return x


def raw_parameters(clip, x):
    """Return the parameter of each learned threshold, which the clip holds under its name."""
    raws = {name: clip.get_parameter(f"{name}.raw") for name in clip.slopes(x)}
    owned = [part.raw for part in clip.modules() if isinstance(part, Threshold)]
    learned = [raw for raw in owned if isinstance(raw, torch.nn.Parameter)]
    assert {id(raw) for raw in raws.values()} == {id(raw) for raw in learned}
    return raws


def with_round_thresholds(clip):
    """Bring thresholds to multiples of 1/64, so that sums of two are exact and ties are ties."""
    for name, threshold in clip.thresholds().items():
        owner = getattr(clip, name)
        if isinstance(owner, Threshold) and owner.positivity in ("project", "free", "abs"):
            owner.set_value((threshold.detach() * 64).round() / 64)
    return clip


def is_positive(clip, name):
    """Say whether a threshold is one that must not be negative."""
    return getattr(clip, name).positivity != "free"


def is_stuck(clip, name, x):
    """Say whether a threshold is exactly zero, where a map or a formula may have no slope."""
    positivity, value = getattr(clip, name).positivity, clip.thresholds()[name]
    if positivity not in ("abs", "square") or value.any():
        return False
    return positivity == "square" or not clip.slopes(x)[name].any()


def functional(clip, tensors, x):
    buffers = {name: buffer.clone() for name, buffer in clip.named_buffers()}
    return functional_call(clip, {**buffers, **tensors}, (x,))


def fill(tensors, number):
    with torch.no_grad():
        for tensor in tensors:
            if tensor.is_floating_point():
                tensor.fill_(number)


def all_attributes(clip):
    return {name: dict(vars(part)) for name, part in clip.named_modules()}


def assert_gradients(clip, output, x, slopes):
    """Compare the gradient of every threshold with written slopes, under random weights."""
    raws, g = raw_parameters(clip, x), random(x.shape, 1)
    assert raws.keys() == slopes.keys()
    found = torch.autograd.grad((output * g).sum(), list(raws.values()), allow_unused=True)
    for (name, raw), gradient in zip(raws.items(), found, strict=True):
        # Through the positivity map: the formula speaks of the effective value.
        value, terms = spread(clip.thresholds()[name], x), slopes[name] * g
        (expected,) = torch.autograd.grad((value * terms).sum(), raw, retain_graph=True)
        (size,) = torch.autograd.grad((value * terms.abs()).sum(), raw)
        gradient = torch.zeros_like(raw) if gradient is None else gradient
        # Sums of terms that cancel: relative to the size of the terms.
        atol = 1e-12 * size.abs().max().item()
        torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=atol)


def test_every_variant_is_that_of_some_clip():
    found = {variant for name in NODES for _, variant in cases_of(name, EVERYTHING)}
    # A positivity that is the default everywhere, or only inside a clip, is no variant.
    assert found == {"default", *EVERYTHING} - {"project", "exp2", "free"}


def test_its_yaml_shows_every_setting(case):
    # Hydra lets a user change only what a YAML file shows.
    signature = inspect.signature(case.kind)
    assert {"num_features", *case.keys} == set(signature.parameters)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", sorted(NODES.keys() - {"fixed"}))
def test_its_yaml_has_the_defaults_of_the_signature(name):
    # All but those of the fixed clamp, which without a bound given is refused.
    kind, keys, _ = NODES[name]
    parameters = inspect.signature(kind).parameters.values()
    assert keys == {p.name: p.default for p in parameters if p.name != "num_features"}


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
    assert not learns or clip.verdict == expected[clip.gradient]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shape_and_dtype_are_kept_and_gradients_are_finite(valued, shape, dtype):
    clip = valued.make(shape).to(dtype)
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


def test_a_call_writes_nothing_on_the_clip(case):
    clip = case.make()
    # What has a norm updates its statistics in training.
    has_norm = any(isinstance(part, torch.nn.BatchNorm1d) for part in clip.modules())
    for training in (False, True)[: 1 if has_norm else 2]:
        clip.train(training)
        before, state = all_attributes(clip), copy.deepcopy(clip.state_dict())
        x = inputs_around(clip).float()
        inputs = x.clone()
        for call in (clip, clip.window, clip.slopes, clip.saturated, clip.active):
            call(x)
        assert all_attributes(clip) == before
        assert all(torch.equal(state[name], tensor) for name, tensor in clip.state_dict().items())
        assert torch.equal(x, inputs)


def test_a_saved_state_brings_back_the_same_function(case):
    trained, fresh = case.make(), case.make()
    fill([*trained.parameters(), *trained.buffers()], 0.37)
    trained.eval(), fresh.eval()
    x = inputs_around(trained).float()
    fresh.load_state_dict(trained.state_dict())
    assert torch.equal(fresh(x), trained(x))
    for name, slope in trained.slopes(x).items():
        assert torch.equal(fresh.slopes(x)[name], slope)


def test_thresholds_and_marks_have_the_same_names_and_the_right_shapes(case):
    clip = case.make(SHAPES[1])
    x = inputs_around(clip, SHAPES[1]).float()
    expected = {"channel": (CHANNELS,), "neuron": SHAPES[1][1:]}.get(case.keys.get("per"), ())
    assert set(clip.window(x)) == set(clip.slopes(x)) <= set(clip.thresholds())
    for slope in clip.slopes(x).values():
        assert (slope.shape, slope.dtype) == (x.shape, x.dtype)
    for threshold in clip.thresholds().values():
        assert threshold.shape == expected
    for mark in [*clip.window(x).values(), clip.saturated(x)]:
        assert (mark.shape, mark.dtype) == (x.shape, torch.bool)


def test_vmap_over_stacked_clips_equals_a_loop(case):
    clips = [case.make(SHAPES[1]) for _ in range(3)]
    for clip, number in zip(clips, (0.3, 0.7, 1.1), strict=True):
        fill(clip.parameters(), number)
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


def test_a_step_waits_for_no_device(case):
    # A meta tensor has no numbers: what asks for one, as in .item() or a branch, is refused.
    clip = case.make(SHAPES[1]).to("meta")
    x = torch.empty(SHAPES[1], device="meta", requires_grad=True)
    clip(x).sum().backward()
    clip.project()
    assert x.grad.shape == x.shape


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_threshold_gradient_equals_the_written_formula(learned, shape):
    clip = with_round_thresholds(learned.make(shape).double())
    x = inputs_around(clip, shape)
    slopes = written_slopes(clip, x, formulas_of(clip).threshold_slope)
    scaled = {name: slope * clip.gradient_scale(x) for name, slope in slopes.items()}
    assert_gradients(clip, clip(x.requires_grad_()), x, scaled)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_input_gradient_equals_the_written_formula(elementwise, shape):
    clip = with_round_thresholds(elementwise.make(shape).double())
    if clip.bounded_after_training:
        clip.set_bound(torch.tensor(0.75))
    x, g = inputs_around(clip, shape), random(shape, 1)
    slopes = torch.tensor(written(clip, x, formulas_of(clip).input_slope), dtype=x.dtype)
    (gradient,) = torch.autograd.grad((clip(x.requires_grad_()) * g).sum(), x)
    torch.testing.assert_close(gradient, slopes.view(shape) * g, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_is_saturated_is_what_the_written_formula_says(valued, shape):
    clip = with_round_thresholds(valued.make(shape).double().eval())
    if clip.bounded_after_training:
        clip.set_bound(torch.tensor(0.75))
    x = inputs_around(clip, shape)
    if type(clip).saturated is Clip.saturated:
        assert not clip.saturated(x).any()
        return
    expected = torch.tensor(written(clip, x, formulas_of(clip).is_saturated)).view(x.shape)
    assert expected.unique().tolist() == [False, True]
    assert torch.equal(clip.saturated(x), expected)


def test_gradients_equal_finite_differences_unless_they_are_surrogates(differentiable):
    clip, step = differentiable.make(SHAPES[1]).double(), 1e-6
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
    fill(clip.parameters(), raw)
    x = random(SHAPES[0])
    assert clip(x).isfinite().all()
    clip.project()
    for name, threshold in clip.thresholds().items():
        assert threshold.isfinite().all()
        assert (threshold >= 0).all() or not is_positive(clip, name)
    for part in clip.modules():
        if isinstance(part, Threshold):
            assert torch.equal(part.raw, part.raw.clamp(*part.domain))
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
    for name, parameter in raw_parameters(clip, x).items():
        assert (parameter.grad is None) == (clip.gradient == "none")
        if clip.gradient != "none":
            assert parameter.grad.isfinite().all()
            assert (parameter.grad != 0).any() or is_stuck(clip, name, x)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_slopes_and_window_are_those_of_the_gradient_of_each_element(learned, shape):
    clip = learned.make(shape).double()
    x = inputs_around(clip, shape)
    raws = raw_parameters(clip, x)
    jacobian = jacrev(lambda raws: functional(clip, raws, x))(
        {f"{name}.raw": raw.detach() for name, raw in raws.items()}
    )
    for name, stated in clip.slopes(x).items():
        slope = jacobian[f"{name}.raw"]
        (chain,) = torch.autograd.grad(clip.thresholds()[name].sum(), raws[name])
        if slope.dim() > x.dim():
            slope = slope.flatten(x.dim()).sum(-1)  # an element knows its own threshold only
        expected = stated.detach() * spread(chain, x) * clip.gradient_scale(x)
        torch.testing.assert_close(slope, expected, rtol=1e-9, atol=1e-12)
        assert torch.equal(clip.window(x)[name], slope != 0)


def test_the_verdict_is_what_autograd_shows(learned):
    clip = learned.make().double()
    x = inputs_around(clip)
    (clip(x.requires_grad_()) * random(x.shape, 1)).sum().backward()
    for parameter in clip.parameters():
        if clip.verdict == "NO_GRADIENT":
            assert parameter.grad is None
        else:
            assert (parameter.grad != 0).any()


def test_only_a_jump_that_learns_says_what_is_active():
    x = torch.zeros(SHAPES[0])
    says = {name for name in NODES if Case(name, "default").make().active(x) is not None}
    assert says == {"jumprelu", "sigmoid_gate_st"}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_is_active_is_what_passes_with_the_written_gradient(gate, shape):
    clip = with_round_thresholds(gate.make(shape).double())
    x = inputs_around(clip, shape)
    slopes = written_slopes(clip, x, formulas_of(clip).active_slope)
    active = clip.active(x.requires_grad_())
    assert torch.equal(active, (clip(x) != 0).double())
    assert active.detach().unique().tolist() == [0, 1]
    (to_x,) = torch.autograd.grad(active.sum(), x, retain_graph=True, allow_unused=True)
    assert to_x is None or not to_x.any()
    assert_gradients(clip, active, x, slopes)


@pytest.mark.parametrize(
    "name", [name for name in NODES if (name, "channel") in cases_of(name, KINDS)]
)
def test_a_threshold_per_channel_needs_to_know_how_many_there_are(name):
    kind, keys, _ = NODES[name]
    with pytest.raises(ValueError, match="per='channel' needs num_features"):
        kind(**{**keys, "per": "channel"})
