"""DRSN against its formula in plain Python, and its layers inside a model."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.base import sites
from clipbench.clips.drsn import DRSN
from clipbench.clips.relu import ReLU
from clipbench.models.cnn import CNN
from clipbench.models.initialize import gain
from clipbench.models.mlp import MLP
from clipbench.training.calibrate import calibrate

CHANNELS = 3
IMAGES = torch.randn(4, CHANNELS, 5, 2, generator=torch.Generator().manual_seed(0))
ROWS = IMAGES[:, :, 0, 0]


def made(channels=CHANNELS):
    """Return a clip with numbers in every parameter and statistic."""
    clip, generator = DRSN(num_features=channels), torch.Generator().manual_seed(1)
    for tensor in clip.state_dict().values():
        if tensor.dim():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.1)
    clip.excite.weight.data.sub_(0.5)
    return clip.eval()


def affine(layer, values):
    rows, biases = layer.weight.tolist(), layer.bias.tolist()
    return [
        sum(w * v for w, v in zip(row, values, strict=True)) + b
        for row, b in zip(rows, biases, strict=True)
    ]


def scales(clip, sizes):
    """Give s of one sample from the mean absolute value of each channel."""
    norm, hidden = clip.norm, []
    for c, h in enumerate(affine(clip.squeeze, sizes)):
        unit = (h - norm.running_mean[c].item()) / math.sqrt(norm.running_var[c].item() + norm.eps)
        hidden.append(max(unit * norm.weight[c].item() + norm.bias[c].item(), 0.0))
    return [1 / (1 + math.exp(-e)) for e in affine(clip.excite, hidden)]


def is_saturated(clip, x, value, batch, at):
    sample = batch[at[0]]
    rows = sample.flatten(1).tolist() if sample.dim() > 1 else [[size] for size in sample.tolist()]
    sizes = [mean(row) for row in rows]
    average = sizes[at[1]] if sample.dim() > 1 else mean(sizes)
    return abs(x) <= scales(clip, sizes)[at[1]] * average


def soft(x, threshold):
    return math.copysign(max(abs(x) - threshold, 0.0), x)


def mean(values):
    return sum(map(abs, values)) / len(values)


def test_on_images_each_channel_has_its_own_mean():
    clip = made()
    for sample, found in zip(IMAGES, clip(IMAGES), strict=True):
        rows = sample.flatten(1).tolist()
        sizes = [mean(row) for row in rows]
        lower = [s * size for s, size in zip(scales(clip, sizes), sizes, strict=True)]
        expected = [[soft(x, t) for x in row] for row, t in zip(rows, lower, strict=True)]
        torch.testing.assert_close(found.flatten(1), torch.tensor(expected))
        assert any(x == 0 for row in expected for x in row)


def test_on_rows_the_mean_is_that_of_the_sample():
    clip = made()
    for row, found in zip(ROWS.tolist(), clip(ROWS).tolist(), strict=True):
        parts = zip(row, scales(clip, [abs(x) for x in row]), strict=True)
        assert found == pytest.approx([soft(x, s * mean(row)) for x, s in parts], abs=1e-6)


@pytest.mark.parametrize("x", [IMAGES, ROWS])
def test_in_evaluation_a_sample_does_not_depend_on_the_others(x):
    clip = made()
    torch.testing.assert_close(clip(x)[:1], clip(x[:1]))


@pytest.mark.parametrize("x", [IMAGES, ROWS])
def test_what_becomes_zero_is_saturated_and_something_passes_everywhere(x):
    clip = made()
    y = clip(x)
    assert torch.equal(clip.saturated(x), y == 0)
    # The threshold lies below a mean of sizes, so the largest of them passes.
    rows = y.flatten(2).flatten(0, 1) if x.dim() > 2 else y
    assert (rows != 0).any(dim=1).all()


def test_where_all_is_zero_every_input_is_at_its_threshold():
    assert made().saturated(torch.zeros_like(IMAGES)).all()


def test_every_parameter_and_the_input_through_the_threshold_get_a_gradient():
    clip, x = made().train(), IMAGES.clone().requires_grad_()
    (clip(x) ** 2).sum().backward()
    for name, parameter in clip.named_parameters():
        # A batch norm takes out what a bias before it adds.
        assert (parameter.grad != 0).any() or name == "squeeze.bias"
    dropped = clip.saturated(x)
    assert (x.grad[dropped] != 0).any()


def affine_back(layer, name, values, slopes, into):
    """Add the slopes of a layer's numbers to ``into`` and return those of its inputs."""
    for c, slope in enumerate(slopes):
        into[f"{name}.bias"][c] += slope
        for j, value in enumerate(values):
            into[f"{name}.weight"][c][j] += slope * value
    rows = layer.weight.tolist()
    return [
        sum(slope * row[j] for slope, row in zip(slopes, rows, strict=True))
        for j in range(len(values))
    ]


def backward_by_hand(clip, sample, g, into):
    """Follow the chain rule through one sample ``(C, P)``; return the slope of each input.

    With a single position a channel, the mean behind every threshold is that of the sample.
    """
    rows, gs, norm = sample.tolist(), g.tolist(), clip.norm
    sizes, channels = [mean(row) for row in rows], range(len(rows))
    spatial = len(rows[0]) > 1
    z = affine(clip.squeeze, sizes)
    wide = [math.sqrt(v + norm.eps) for v in norm.running_var.tolist()]
    unit = [(z[c] - norm.running_mean[c].item()) / wide[c] for c in channels]
    before = [unit[c] * norm.weight[c].item() + norm.bias[c].item() for c in channels]
    hidden = [max(h, 0.0) for h in before]
    s = scales(clip, sizes)
    means = sizes if spatial else [mean(sizes)] * len(sizes)
    passes = [[abs(x) > s[c] * means[c] for x in rows[c]] for c in channels]
    to_t = [
        -sum(
            d * math.copysign(1, x) for d, x, p in zip(gs[c], rows[c], passes[c], strict=True) if p
        )
        for c in channels
    ]
    to_e = [to_t[c] * means[c] * s[c] * (1 - s[c]) for c in channels]
    to_hidden = affine_back(clip.excite, "excite", hidden, to_e, into)
    to_before = [to_hidden[c] if before[c] > 0 else 0.0 for c in channels]
    for c in channels:
        into["norm.weight"][c] += to_before[c] * unit[c]
        into["norm.bias"][c] += to_before[c]
    to_z = [to_before[c] * norm.weight[c].item() / wide[c] for c in channels]
    to_size = affine_back(clip.squeeze, "squeeze", sizes, to_z, into)
    to_mean = [to_t[c] * s[c] for c in channels]
    share = to_mean if spatial else [sum(to_mean) / len(to_mean)] * len(to_mean)
    return [
        [
            (gs[c][i] if passes[c][i] else 0.0)
            + (to_size[c] + share[c]) * ((x > 0) - (x < 0)) / len(rows[c])
            for i, x in enumerate(rows[c])
        ]
        for c in channels
    ]


@pytest.mark.parametrize("x", [IMAGES, ROWS], ids=["images", "rows"])
def test_every_gradient_is_the_chain_rule_followed_by_hand(x):
    clip, x = made().double(), x.double()
    clip.norm.bias.data[0] = -9.0  # this unit of the small network is shut
    x[0] = 0.0  # every input of this sample is at its threshold
    g = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (clip(x.requires_grad_()) * g).sum().backward()
    into = {name: torch.zeros_like(p).tolist() for name, p in clip.named_parameters()}
    pairs = zip(x.detach(), g, strict=True)
    to_x = [
        backward_by_hand(clip, a.reshape(CHANNELS, -1), b.reshape(CHANNELS, -1), into)
        for a, b in pairs
    ]
    found = {name: p.grad for name, p in clip.named_parameters()} | {"x": x.grad}
    expected = into | {"x": torch.tensor(to_x, dtype=torch.float64).view(x.shape)}
    for name, gradient in found.items():
        assert (gradient != 0).any()
        by_hand = torch.as_tensor(expected[name], dtype=torch.float64)
        torch.testing.assert_close(gradient, by_hand, rtol=1e-12, atol=1e-14)


def test_it_has_as_many_parameters_as_it_says_and_they_decay():
    for channels in (1, 7):
        count = sum(p.numel() for p in DRSN(num_features=channels).parameters())
        assert count == 2 * channels**2 + 4 * channels
    assert DRSN.threshold_decay == "weights"


def test_made_alone_it_has_fixed_numbers_and_draws_from_no_global_generator():
    before = torch.get_rng_state()
    first, second = DRSN(num_features=4).state_dict(), DRSN(num_features=4).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["squeeze.weight"], first["excite.weight"])


def test_it_needs_to_know_the_channels():
    with pytest.raises(ValueError, match=r"DRSN needs num_features, got None\."):
        DRSN()


def model_of(family, make_clip, seed=0):
    return family(
        make_clip=make_clip,
        in_channels=1,
        image_size=8,
        num_classes=10,
        generator=torch.Generator().manual_seed(seed),
        widths=[6, 6],
    )


@pytest.mark.parametrize("family", [CNN, MLP])
def test_a_model_draws_its_layers_from_the_seed_and_keeps_statistics_fresh(family):
    model, again = model_of(family, DRSN), model_of(family, DRSN)
    other = model_of(family, DRSN, seed=1)
    first, second = sites(model).values()
    assert not torch.equal(first.squeeze.weight, second.squeeze.weight)
    names = [
        name for name, _ in first.named_parameters() if "weight" in name and "norm" not in name
    ]
    assert names == ["squeeze.weight", "excite.weight"]
    for name in names:
        ours = next(iter(sites(again).values())).get_parameter(name)
        theirs = next(iter(sites(other).values())).get_parameter(name)
        assert torch.equal(first.get_parameter(name), ours)
        assert not torch.equal(first.get_parameter(name), theirs)
    calibrate(model, torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(2)))
    for clip in (first, second):
        assert torch.equal(clip.norm.running_mean, torch.zeros(6))
        assert torch.equal(clip.norm.running_var, torch.ones(6))
        assert clip.norm.num_batches_tracked == 0


def test_the_model_s_own_numbers_are_those_of_any_clip():
    ours, relu = model_of(CNN, DRSN), model_of(CNN, ReLU)
    assert torch.equal(ours.conv1.conv.weight, relu.conv1.conv.weight)
    ratio = ours.conv2.conv.weight / relu.conv2.conv.weight
    expected = gain(ours.conv1.clip, num_features=6) / math.sqrt(2)
    torch.testing.assert_close(ratio, torch.full_like(ratio, expected), rtol=1e-4, atol=0)
