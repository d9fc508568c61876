"""TQT: a step that is a power of two, what is inside, and the chain to the octave."""

from __future__ import annotations

import math

import pytest
import torch

from clipbench.clips.tqt import TQT

X = torch.randn(64, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2


def step_of(threshold, bits):
    return 2.0 ** math.ceil(math.log2(threshold)) / 2**bits


def bits_of(clip):
    return int(math.log2(clip.levels + 1))


def input_slope(clip, x, value, batch, at):
    return float(0 <= round(x / step_of(value["upper"], bits_of(clip))) <= clip.levels)


def threshold_slope(clip, x, value, batch, at):
    step = step_of(value["upper"], bits_of(clip))
    index = round(x / step)
    bracket = 0.0 if index < 0 else clip.levels if index > clip.levels else index - x / step
    return {"upper": bracket * step / value["upper"]}


def is_saturated(clip, x, value, batch, at):
    return x >= clip.levels * step_of(value["upper"], bits_of(clip))


def ties(clip, value):
    step = step_of(value["upper"], bits_of(clip))
    return [step * index for index in (0.5, 1.5, clip.levels, clip.levels + 0.5)]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("init", [0.3, 1.0, 1.01, 3.0])
def test_it_equals_its_formula(init, bits):
    clip, step, top = TQT(init=init, bits=bits).double(), step_of(init, bits), 2**bits - 1
    expected = [step * min(max(round(x / step), 0), top) for x in X.flatten().tolist()]
    assert clip(X).flatten().tolist() == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_threshold_at_a_power_of_two_stays_in_its_octave_and_one_above_leaves_it(dtype):
    clip, large = TQT(bits=2).to(dtype), torch.full((1, 1), 1e9, dtype=dtype)
    for octave in range(-19, 20):
        clip.upper.raw.data.fill_(octave)
        assert clip(large).item() == 0.75 * 2.0**octave
        clip.upper.raw.data.fill_(octave + 0.001)
        assert clip(large).item() == 0.75 * 2.0 ** (octave + 1)


def test_the_gradient_of_the_octave_is_the_step_times_the_bracket_times_ln_2():
    clip = TQT(init=3.0, bits=2).double()  # step 1, levels 0 to 3
    x = torch.tensor([[-1.2, -0.4, 0.3, 2.2, 3.4, 3.6]], dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([[1.0, 10.0, 100.0, 1e3, 1e4, 1e5]], dtype=torch.float64)
    y = clip(x)
    assert y.tolist() == [[0.0, 0.0, 0.0, 2.0, 3.0, 3.0]]
    y.backward(weights)
    assert (x.grad != 0).tolist() == [[False, True, True, True, True, False]]
    bracket = [0.0, 0.4, -0.3, -0.2, -0.4, 3.0]
    total = sum(w * b for w, b in zip(weights[0].tolist(), bracket, strict=True))
    assert clip.upper.raw.grad.item() == pytest.approx(total * math.log(2))


def test_a_data_rule_sets_the_threshold():
    clip = TQT(init="percentile:100")
    clip.calibrate(torch.tensor([[-5.0, 1.0]]))
    assert clip.thresholds()["upper"].item() == pytest.approx(5.0)
