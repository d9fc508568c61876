"""The laws of every gradient clip in ``conf/grad_clip``."""

from __future__ import annotations

import math
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
import torch
import yaml
from torch.func import vmap

from clipbench.grad_clips.base import GradClip, Weight

FOLDER = Path(__file__).parents[2] / "conf" / "grad_clip"
NODES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
SHAPES = ((4, 3), (2, 3, 3, 3), (5,), (), (3, 4), (3,))
KINDS = ("weights", "weights", "biases", "thresholds", "head", "head")
# Long enough for every warm-up to end, and two steps longer than the history has room for.
ROOM, STEPS = 38, 40
SPIKE = 30


@pytest.fixture(params=NODES)
def node(request):
    return NODES[request.param]


@pytest.fixture
def clip(node):
    return target_of(node)(**settings_of(node))


def target_of(node):
    module, name = node["_target_"].rsplit(".", 1)
    return getattr(import_module(module), name)


def settings_of(node):
    return {key: value for key, value in node.items() if key != "_target_"}


def tensors(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(shape, generator=generator) for shape in SHAPES]


def steps_of(seed, scale):
    """Give the gradients of each step of a run; one step is far out of line."""
    return [
        tensors(100 * seed + step, scale * (50.0 if step == SPIKE else 1.0))
        for step in range(STEPS)
    ]


def weights_of(values):
    return [Weight(value, kind) for value, kind in zip(values, KINDS, strict=True)]


def run(clip, steps, values):
    """Give the clipped gradients of every step and the state after the last."""
    state, answers = clip.init(total_steps=ROOM), []
    for gradients in steps:
        answer, state = clip(gradients, weights=weights_of(values), state=state)
        answers.append(answer)
    return answers, state


def copies(state):
    return {name: value.clone() for name, value in state.items()}


def same(states):
    one, other = states
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def test_it_keeps_the_contract(clip):
    assert isinstance(clip, GradClip)


def test_its_yaml_shows_every_setting(node):
    assert list(signature(target_of(node)).parameters) == list(settings_of(node))


def test_one_run_after_another_gives_the_same(clip):
    # Nothing is hidden in the object: all it remembers is the state.
    steps, values = steps_of(0, 1.0), tensors(7, 1.0)
    (once, first), (twice, second) = run(clip, steps, values), run(clip, steps, values)
    for a, b in zip(once, twice, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert same((first, second))


def test_what_comes_in_stays_as_it_was(clip):
    values = tensors(7, 1.0)
    _, state = run(clip, steps_of(0, 1.0), values)
    gradients = tensors(3, 100.0)
    kept, old = [g.clone() for g in gradients], copies(state)
    kept_values = [v.clone() for v in values]
    answer, new = clip(gradients, weights=weights_of(values), state=state)
    assert answer is not gradients
    assert new is not state
    assert all(torch.equal(a, b) for a, b in zip(gradients, kept, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(values, kept_values, strict=True))
    assert same((state, old))


def test_the_state_is_tensors_whose_form_never_changes(clip):
    # What checkpoints and vmap need.
    start = clip.init(total_steps=ROOM)
    _, state = run(clip, steps_of(0, 1.0), tensors(7, 1.0))
    assert start.keys() == state.keys()
    for name, value in state.items():
        assert isinstance(value, torch.Tensor)
        assert (value.shape, value.dtype) == (start[name].shape, start[name].dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_dtypes_and_shapes_are_kept(clip, dtype):
    steps = [[g.to(dtype) for g in gradients] for gradients in steps_of(0, 1.0)]
    answers, state = run(clip, steps, [v.to(dtype) for v in tensors(7, 1.0)])
    start = clip.init(total_steps=ROOM)
    assert {g.dtype for answer in answers for g in answer} == {dtype}
    assert all([g.shape for g in answer] == list(map(torch.Size, SHAPES)) for answer in answers)
    assert {name: v.dtype for name, v in state.items()} == {n: v.dtype for n, v in start.items()}


def test_no_element_grows_or_changes_its_sign(clip):
    steps = steps_of(0, 1.0)
    answers, _ = run(clip, steps, tensors(7, 1.0))
    for answer, gradients in zip(answers, steps, strict=True):
        for clipped, gradient in zip(answer, gradients, strict=True):
            assert (clipped.abs() <= gradient.abs()).all()
            assert (clipped * gradient >= 0).all()


def test_under_vmap_each_seed_is_clipped_by_its_own_history(clip):
    # Seeds far apart in scale: clipping them together would show.
    seeds = [steps_of(seed, scale) for seed, scale in enumerate((10.0, 1e-3, 1.0))]
    values = [tensors(70 + seed, 10.0**seed) for seed in range(3)]
    stacked_values = [torch.stack(same) for same in zip(*values, strict=True)]
    start = clip.init(total_steps=ROOM)
    state = {name: torch.stack([value] * 3) for name, value in start.items()}

    def step(gradients, values, state):
        return clip(gradients, weights=weights_of(values), state=state)

    alone = [run(clip, steps, own) for steps, own in zip(seeds, values, strict=True)]
    for number in range(STEPS):
        gradients = [torch.stack(g) for g in zip(*(s[number] for s in seeds), strict=True)]
        together, state = vmap(step)(gradients, stacked_values, state)
        for seed, (answers, _) in enumerate(alone):
            for stacked, single in zip(together, answers[number], strict=True):
                torch.testing.assert_close(stacked[seed], single)
    for seed, (_, last) in enumerate(alone):
        for name, value in last.items():
            torch.testing.assert_close(state[name][seed], value)


@pytest.mark.parametrize("before", [0, STEPS], ids=["first step", "later"])
def test_nan_stays_nan(clip, before):
    values = tensors(7, 1.0)
    _, state = run(clip, steps_of(0, 1.0)[:before], values)
    gradients = tensors(3, 1.0)
    for gradient in gradients:
        gradient.view(-1)[0] = math.nan
    answer, _ = clip(gradients, weights=weights_of(values), state=state)
    assert all(g.view(-1)[0].isnan() for g in answer)


def test_without_gradients_there_is_nothing_to_do_or_to_learn(clip):
    _, state = run(clip, steps_of(0, 1.0), tensors(7, 1.0))
    answer, after = clip([], weights=[], state=state)
    assert answer == []
    assert same((state, after))


def test_gradients_of_zero_stay_zero(clip):
    steps = [[torch.zeros(shape) for shape in SHAPES]] * STEPS
    answers, _ = run(clip, steps, tensors(7, 0.0))
    assert all((g == 0).all() for answer in answers for g in answer)
