"""PReLU against its formula."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from clipbench.clips.prelu import PReLU


def input_slope(clip, x, value, batch, at):
    return 1.0 if x > 0 else value["slope"]


def threshold_slope(clip, x, value, batch, at):
    return {"slope": x if x < 0 else 0.0}


@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.25, 2.0])
def test_any_slope_scales_what_is_negative(slope):
    x = torch.tensor([[-2.0, 3.0]], requires_grad=True)
    y = PReLU(init=slope)(x)
    y.sum().backward()
    assert y.tolist() == [[-2.0 * slope, 3.0]]
    assert x.grad.tolist() == [[slope, 1.0]]


def test_each_channel_has_its_own_slope():
    clip = PReLU(num_features=2, per="channel")
    clip.slope.set_value(torch.tensor([0.5, -1.0]))
    x = torch.full((1, 2, 1, 2), -4.0)
    y = clip(x)
    assert y.flatten().tolist() == [-2.0, -2.0, 4.0, 4.0]
    y.sum().backward()
    assert clip.slope.raw.grad.tolist() == [-8.0, -8.0]


def test_it_starts_and_decays_as_in_the_paper():
    assert PReLU().thresholds()["slope"].item() == 0.25
    assert PReLU.threshold_decay == "none"


LAYOUTS = {
    "as indexed": lambda x: x,
    "channels last": lambda x: x.to(memory_format=torch.channels_last),
    "channels last with gaps": lambda x: x.repeat_interleave(2, dim=3).to(
        memory_format=torch.channels_last
    )[..., ::2],
    "with gaps": lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
}


@pytest.mark.parametrize("slope", [0.25, -0.5, 0.0, 1.5])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_by_a_number_it_is_what_torch_has(layout, slope):
    """Also at zero, and in the second derivative where there is one."""
    torch.manual_seed(0)
    base = torch.randn(4, 3, 5, 5, dtype=torch.float64).round(decimals=1)
    weight = torch.randn_like(base)
    assert (base == 0).any()
    found = []
    for by_torch in (False, True):
        clip = PReLU(init=slope).double()
        x = LAYOUTS[layout](base).detach().requires_grad_()
        y = F.prelu(x, clip.slope.raw) if by_torch else clip(x)
        slopes = torch.autograd.grad((weight * y * y).sum(), [x, clip.slope.raw], create_graph=True)
        seconds = torch.autograd.grad(sum(s.sum() for s in slopes), [x, clip.slope.raw])
        plain = torch.autograd.grad((weight * clip(x) ** 2).sum(), [x, clip.slope.raw])
        found.append([y, *slopes, seconds[0][base != 0], seconds[1], *plain])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)
