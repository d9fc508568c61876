"""One learned number: its dtype, its shapes, what keeps it valid, and how data sets it."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from clipbench.clips.positivity import MAPS
from clipbench.clips.threshold import Threshold

POSITIVE = [name for name in MAPS if name != "free"]


def layer(init=0.5, positivity="project"):
    return Threshold(init, per="layer", num_features=None, positivity=positivity)


def channel(init=0.5, num_features=3, positivity="project"):
    return Threshold(init, per="channel", num_features=num_features, positivity=positivity)


@pytest.mark.parametrize("positivity", MAPS)
def test_the_first_value_is_init_whatever_the_map(positivity):
    assert layer(0.25, positivity).value().item() == pytest.approx(0.25)
    assert channel(0.25, 4, positivity).value().tolist() == pytest.approx([0.25] * 4)


def test_only_a_free_threshold_may_start_at_or_below_zero():
    assert layer(-0.5, "free").value().item() == -0.5
    assert layer(0.0, "free").value().item() == 0.0


@pytest.mark.parametrize("init", [0.0, -1.0, 1e-12, 1e12, math.inf, math.nan])
@pytest.mark.parametrize("positivity", POSITIVE)
def test_a_first_value_that_the_domain_does_not_hold_is_refused(positivity, init):
    if positivity in ("abs", "square") and init == 1e-12:
        assert layer(init, positivity).value().item() == pytest.approx(init)
        return
    with pytest.raises(ValueError, match=f"{positivity} threshold needs init .*got init="):
        layer(init, positivity)


def test_wrong_words_are_refused_with_the_right_ones():
    with pytest.raises(ValueError, match="positivity must be one of project, abs, .*got 'relu'"):
        layer(positivity="relu")
    with pytest.raises(ValueError, match="per must be 'layer', 'channel' or 'neuron', got 'pixel'"):
        Threshold(1.0, per="pixel", num_features=3, positivity="project")
    with pytest.raises(ValueError, match="needs num_features, got None"):
        channel(num_features=None)
    with pytest.raises(ValueError, match="'std:K'"):
        layer("median")


@pytest.mark.parametrize(("move", "dtype"), [("half", 32), ("bfloat16", 32), ("double", 64)])
def test_the_parameter_is_never_below_float32(move, dtype):
    threshold = getattr(layer(0.3), move)()
    assert threshold.raw.dtype == {32: torch.float32, 64: torch.float64}[dtype]
    assert threshold.value().item() == pytest.approx(0.3)
    assert isinstance(threshold.raw, torch.nn.Parameter)


def test_narrow_moves_leave_a_double_threshold_double():
    assert layer().double().to(torch.bfloat16).raw.dtype == torch.float64
    assert layer().double().float().raw.dtype == torch.float32


def test_a_small_step_moves_a_threshold_of_a_bfloat16_model():
    threshold = layer(4.0).bfloat16()
    optimizer = torch.optim.SGD(threshold.parameters(), lr=1e-3)
    threshold.for_input(torch.zeros(1, 1, dtype=torch.bfloat16)).backward()
    optimizer.step()
    assert threshold.value().item() == pytest.approx(3.999)


@pytest.mark.parametrize(("shape", "expected"), [((2, 3), (3,)), ((2, 3, 4, 4), (3, 1, 1))])
def test_for_input_broadcasts_along_channels_in_the_dtype_of_the_input(shape, expected):
    x = torch.zeros(shape, dtype=torch.bfloat16)
    assert channel().for_input(x).shape == expected
    assert layer().for_input(x).shape == ()
    assert channel().for_input(x).dtype == torch.bfloat16


@pytest.mark.parametrize("raw", [-1e38, -1.0, 0.0, 1e-38, 1e38, -math.inf, math.inf])
@pytest.mark.parametrize("positivity", POSITIVE)
def test_whatever_the_optimizer_writes_the_value_is_finite_and_not_negative(positivity, raw):
    threshold = layer(positivity=positivity)
    with torch.no_grad():
        threshold.raw.fill_(raw)
    before = threshold.value().item()
    threshold.project()
    low, high = torch.tensor(threshold.domain).tolist()
    assert 0 <= before < math.inf
    assert threshold.value().item() == before
    assert low <= threshold.raw.item() <= high


@pytest.mark.parametrize("raw", [-1e38, -1.0, 0.0, 1e38])
@pytest.mark.parametrize("positivity", MAPS)
def test_a_gradient_still_reaches_a_threshold_from_outside_its_domain(positivity, raw):
    threshold = layer(positivity=positivity)
    with torch.no_grad():
        threshold.raw.fill_(raw)
    threshold.value().backward()
    slope = threshold.raw.grad.item()
    assert math.isfinite(slope)
    # The documented exception: the square is flat at zero.
    assert (slope != 0) == (positivity != "square" or raw != 0)


def test_a_threshold_that_left_the_domain_comes_back_by_its_gradient():
    threshold = layer(1e-3)
    optimizer = torch.optim.SGD(threshold.parameters(), lr=0.1)
    for sign in (1.0, -1.0, -1.0):
        optimizer.zero_grad()
        (sign * threshold.value()).backward()
        optimizer.step()
    assert threshold.value().item() == pytest.approx(0.101)


def test_a_diverged_threshold_shows():
    threshold = layer()
    with torch.no_grad():
        threshold.raw.fill_(math.nan)
    assert threshold.value().isnan()


@pytest.mark.parametrize("positivity", MAPS)
def test_set_value_is_undone_by_value(positivity):
    threshold = channel(positivity=positivity)
    wanted = torch.tensor([0.01, 0.5, 0.99 if positivity == "sigmoid" else 50.0])
    threshold.set_value(wanted)
    torch.testing.assert_close(threshold.value(), wanted, rtol=1e-5, atol=0.0)
    threshold.set_value(0.25)
    assert threshold.value().tolist() == pytest.approx([0.25] * 3)


@pytest.mark.parametrize("positivity", POSITIVE)
def test_set_value_outside_the_domain_takes_the_nearest_value(positivity):
    threshold = layer(positivity=positivity)
    threshold.set_value(0.0)
    smallest = threshold.value().item()
    threshold.set_value(1e30)
    assert 0 <= smallest < 1.001e-3
    largest = threshold.value().item()
    assert 1 - 1e-4 < largest <= 1 if positivity == "sigmoid" else 1e5 < largest < math.inf


def test_a_data_rule_holds_that_of_the_normal_until_it_is_calibrated():
    threshold = layer("percentile:50")
    assert threshold.value().item() == pytest.approx(0.6745, abs=1e-4)
    threshold.calibrate(torch.tensor([[-3.0, 1.0, 2.0]]))
    assert threshold.value().item() == 2.0


@pytest.mark.parametrize("positivity", MAPS)
def test_calibration_per_channel_goes_through_the_map(positivity):
    threshold = channel("percentile:100", num_features=2, positivity=positivity)
    threshold.calibrate(torch.tensor([[0.1, -0.5], [-0.2, 0.4]]))
    assert threshold.value().tolist() == pytest.approx([0.2, 0.5])
    assert threshold.raw.requires_grad


def test_a_neuron_each_gets_its_own_value_and_a_saved_state_its_shape_back():
    threshold = Threshold("percentile:100", per="neuron", num_features=2, positivity="project")
    x = torch.tensor([[[1.0, -2.0]], [[-3.0, 0.5]]])
    assert threshold.for_input(x).shape == ()
    threshold.calibrate(x)
    assert threshold.for_input(x).tolist() == [[3.0, 2.0]]
    assert list(threshold.parameters()) == [threshold.raw]
    fresh = Threshold("percentile:100", per="neuron", num_features=2, positivity="project")
    fresh.load_state_dict(threshold.state_dict())
    assert torch.equal(fresh.value(), threshold.value())


def test_only_data_says_how_many_neurons_there_are():
    with pytest.raises(ValueError, match="per='neuron' needs init to be a data rule, got init=2"):
        Threshold(2.0, per="neuron", num_features=3, positivity="project")


def test_what_is_not_learned_is_calibrated_moved_and_saved_but_no_parameter():
    threshold = Threshold(
        "std:1", per="channel", num_features=2, positivity="project", learned=False
    ).bfloat16()
    threshold.calibrate(torch.tensor([[1.0, 3.0], [-1.0, -3.0]]))
    assert threshold.value().tolist() == [1.0, 3.0]
    assert threshold.raw.dtype == torch.float32
    assert list(threshold.parameters()) == []
    assert list(threshold.state_dict()) == ["raw"]


def test_calibration_leaves_a_number_alone():
    threshold = layer(0.7)
    threshold.calibrate(torch.full((2, 2), 9.0))
    assert threshold.value().item() == pytest.approx(0.7)


def test_calibration_on_constants_gives_the_least_value_and_on_infinity_is_refused():
    threshold = layer("std")
    threshold.calibrate(torch.ones(4, 2))
    assert threshold.value().item() == pytest.approx(1e-3)
    with pytest.raises(ValueError, match="needs finite pre-activations for init=std, got"):
        threshold.calibrate(torch.tensor([[math.inf, 1.0]]))


def test_a_copy_is_independent_and_a_saved_state_brings_the_value_back():
    first = channel("std", positivity="softplus")
    twin = copy.deepcopy(first)
    first.set_value(3.0)
    assert twin.value().tolist() == pytest.approx([2.0] * 3)
    twin.load_state_dict(first.state_dict())
    assert torch.equal(twin.value(), first.value())


def test_it_can_be_built_and_moved_without_memory():
    with torch.device("meta"):
        assert channel(0.5).raw.device.type == "meta"
    assert layer(0.5).to("meta").raw.shape == ()
