"""Masked clip: the clip where the mask says so, the identity elsewhere."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap

from clipbench.clips import masks
from clipbench.clips.masked import MaskedClip

X = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0)) * 2


def beyond_three(x):
    return x > 3


SETTINGS = {
    "positive": ({"mask": "positive"}, masks.positive),
    "negative": ({"mask": "negative"}, masks.negative),
    "outlier": ({"mask": "outlier", "k": 1.5}, lambda x: masks.outlier(x, k=1.5)),
    "channels": (
        {"mask": "channels", "channels": [0, 3]},
        lambda x: masks.in_channels(x, torch.tensor([True, False, False, True])),
    ),
    "function": ({"mask": beyond_three}, beyond_three),
}


def make(name, **more):
    return MaskedClip(num_features=4, **SETTINGS[name][0], **more)


def is_masked(clip, x, at):
    if clip.mask == "channels":
        return bool(clip.chosen[at[1]])
    return {"positive": x > 0, "negative": x < 0}[clip.mask]


def input_slope(clip, x, value, batch, at):
    return 0.0 if is_saturated(clip, x, value, batch, at) else 1.0


def threshold_slope(clip, x, value, batch, at):
    slope = float(x >= value["upper"]) - float(x <= -value["upper"])
    return {"upper": slope if is_masked(clip, x, at) else 0.0}


def is_saturated(clip, x, value, batch, at):
    return is_masked(clip, x, at) and abs(x) >= value["upper"]


@pytest.mark.parametrize("per", ["layer", "channel"])
@pytest.mark.parametrize("name", SETTINGS)
def test_values_gradients_window_and_saturation_follow_the_mask(name, per):
    clip, x = make(name, per=per), X.clone().requires_grad_()
    marked, upper = SETTINGS[name][1](X), torch.ones(())
    g = torch.randn(X.shape, generator=torch.Generator().manual_seed(1))
    y = clip(x)
    y.backward(g)
    over, under = marked & (x >= upper), marked & (x <= -upper)
    assert over.any() or under.any()
    assert torch.equal(y, torch.where(over, upper, torch.where(under, -upper, X)))
    assert torch.equal(x.grad, g * ~(over | under))
    to_upper = g * over.float() - g * under.float()
    expected = to_upper.sum() if per == "layer" else to_upper.sum((0, 2, 3))
    torch.testing.assert_close(clip.upper.raw.grad, expected)
    assert torch.equal(clip.window(X)["upper"], over | under)
    assert torch.equal(clip.saturated(X), over | under)


@pytest.mark.parametrize("name", SETTINGS)
def test_vmap_copies_and_compile_keep_the_mask(name):
    clips = [make(name, init=init) for init in (0.5, 1.0)]
    state = stack_module_state(clips)
    together = vmap(lambda p, b: functional_call(clips[0], (p, b), (X,)))(*state)
    for clip, y in zip(clips, together, strict=True):
        assert torch.equal(clip(X), y)
        assert torch.equal(copy.deepcopy(clip)(X), y)
        assert torch.equal(pickle.loads(pickle.dumps(clip))(X), y)
    torch._dynamo.reset()
    compiled = torch.compile(clips[0], fullgraph=True, backend="eager")
    assert torch.equal(compiled(X), together[0])
    torch._dynamo.reset()


def test_a_sample_is_clipped_the_same_whatever_batch_it_is_in():
    clip = MaskedClip(init=0.5, mask="outlier", k=1.0)
    assert torch.equal(clip(X)[2:3], clip(X[2:3]))


def test_an_outlier_is_three_deviations_out_if_nothing_else_is_said():
    x = torch.zeros(1, 40)
    x[0, 0], x[0, 1] = 9.0, 5.0  # 5.4 and 2.9 deviations out
    explicit = MaskedClip(mask="outlier", k=3.0)
    assert torch.equal(MaskedClip(mask="outlier")(x), explicit(x))
    assert explicit(x)[0, :2].tolist() == [1.0, 5.0]


def test_the_mask_passes_no_gradient():
    slopes = grad(lambda x: MaskedClip(init=5.0, mask=lambda z: z > 0)(x).sum())(X)
    assert torch.equal(slopes, (~((X > 0) & (X >= 5.0))).float())


def test_the_chosen_channels_are_no_part_of_the_saved_state():
    assert list(make("channels").state_dict()) == ["upper.raw"]


@pytest.mark.parametrize("mask", ["positive", "negative", "channels", beyond_three])
def test_k_is_refused_where_it_would_do_nothing(mask):
    with pytest.raises(ValueError, match="takes k > 0, and only with mask='outlier', got k=2.0"):
        MaskedClip(num_features=4, mask=mask, k=2.0)


@pytest.mark.parametrize("mask", ["positive", "negative", "outlier", beyond_three])
def test_channels_are_refused_where_they_would_do_nothing(mask):
    with pytest.raises(ValueError, match=r"takes channels only with .*got channels=\[0\]"):
        MaskedClip(num_features=4, mask=mask, channels=[0])


@pytest.mark.parametrize("k", [0.0, -1.0, float("nan")])
def test_k_must_be_positive(k):
    with pytest.raises(ValueError, match="takes k > 0"):
        MaskedClip(mask="outlier", k=k)


@pytest.mark.parametrize("channels", [[4], [-1], [0, 0]])
def test_channels_must_be_there_and_distinct(channels):
    with pytest.raises(ValueError, match="distinct channels from 0 to 3, got"):
        MaskedClip(num_features=4, mask="channels", channels=channels)


@pytest.mark.parametrize("channels", [None, []])
def test_channels_must_be_given_with_their_mask(channels):
    with pytest.raises(ValueError, match="needs channels with mask='channels'"):
        MaskedClip(num_features=4, mask="channels", channels=channels)


def test_channels_need_to_know_how_many_there_are():
    with pytest.raises(ValueError, match="needs num_features with mask='channels', got None"):
        MaskedClip(mask="channels", channels=[0])


def test_an_unknown_mask_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="positive, negative, outlier, channels, got 'top'"):
        MaskedClip(mask="top")


def as_floats(x):
    return (x > 0).float()


def as_one_row(x):
    return x[0] > 0


def as_number(x):
    return 1.0


@pytest.mark.parametrize(
    ("predicate", "got"),
    [(as_floats, "torch.float32"), (as_one_row, r"shape \(4, 3, 3\)"), (as_number, "got float")],
)
def test_a_function_that_answers_anything_but_a_mask_is_named(predicate, got):
    for mask in (predicate, partial(predicate)):
        with pytest.raises(TypeError, match=f"mask {predicate.__name__} to return a bool .*{got}"):
            MaskedClip(mask=mask)(X)
        assert f"mask={predicate.__name__}" in repr(MaskedClip(mask=mask))
