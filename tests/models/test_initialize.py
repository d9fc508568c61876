import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from clipbench.models.cnn import CNN
from clipbench.models.initialize import gain, initialize, moments, normal_nodes
from clipbench.models.mlp import MLP
from clipbench.models.resnet import ResNet20


class Function(nn.Module):
    """A clip made of any function."""

    def __init__(self, function, *, num_features):
        super().__init__()
        self.function = function
        self.num_features = num_features

    def forward(self, x):
        assert x.shape[1] == self.num_features
        return self.function(x)


class Gated(nn.Module):
    """A clip with a layer and a parameter inside."""

    def __init__(self, *, num_features):
        super().__init__()
        self.gate = skip_init(nn.Linear, num_features, num_features)
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        return x * torch.sigmoid(self.gate(x.to(self.gate.weight.dtype))) + self.scale * x


class Normed(nn.Module):
    """A clip with a norm inside."""

    def __init__(self, *, num_features):
        super().__init__()
        self.norm = nn.BatchNorm1d(num_features)
        nn.init.constant_(self.norm.weight, 7.0)

    def forward(self, x):
        return self.norm(3 * F.relu(x).to(self.norm.weight.dtype)) / self.norm.weight


def make(function):
    return partial(Function, function)


RELU = make(F.relu)
CLAMP = make(partial(torch.clamp, min=-0.1, max=0.1))
SILU = make(F.silu)


def model_of(family, make_clip=RELU, *, seed=0, init="gain", **keys):
    return family(
        make_clip=make_clip,
        in_channels=3,
        image_size=8,
        num_classes=10,
        generator=torch.Generator().manual_seed(seed),
        init=init,
        **keys,
    )


def layers(model):
    return [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]


def scales(model, other):
    """Find the one factor by which each layer of `model` differs from that of `other`."""
    factors = []
    for a, b in zip(layers(model), layers(other), strict=True):
        ratio = (a.weight.double() / b.weight.double()).flatten()
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-6, atol=0)
        factors.append(ratio.mean().item())
    return factors


def density(t):
    return math.exp(-t * t / 2) / math.sqrt(2 * math.pi)


def beyond(t):
    return 0.5 * math.erfc(t / math.sqrt(2))


class TestMoments:
    @pytest.mark.parametrize("num_features", [1, 48, 512])
    def test_the_nodes_are_a_normal_sample_in_every_row(self, num_features):
        nodes = normal_nodes(num_features)
        assert nodes.shape[1] == num_features
        assert nodes.mean().item() == pytest.approx(0, abs=1e-12)
        assert nodes.square().mean().item() == pytest.approx(1, abs=1e-9)
        assert nodes.pow(4).mean().item() == pytest.approx(3, rel=1e-3)
        # A row of nodes side by side would have no spread at all.
        spread = nodes.var(dim=1, unbiased=False).mean().item() if num_features > 1 else 0
        assert spread == pytest.approx(1 - 1 / num_features, abs=0.02)

    @pytest.mark.parametrize("bound", [0.01, 0.1, 1.0, 3.0])
    def test_clamp_has_its_closed_form(self, bound):
        square, slope_square = moments(lambda x: x.clamp(-bound, bound), num_features=16)
        inside = 1 - 2 * beyond(bound)
        expected = inside - 2 * bound * density(bound) + 2 * bound**2 * beyond(bound)
        assert square == pytest.approx(expected, rel=1e-4)
        assert slope_square == pytest.approx(inside, rel=3e-3)

    @pytest.mark.parametrize("tau", [0.0, 0.5, 1.036])
    def test_a_jump_costs_no_accuracy(self, tau):
        square, _ = moments(lambda x: x * (x > tau), num_features=7)
        assert square == pytest.approx(tau * density(tau) + beyond(tau), rel=1e-4)

    @pytest.mark.parametrize(
        ("clip", "expected_gain", "expected_slope"),
        [
            (F.relu, 1.4142, 0.500),
            (lambda x: torch.where(x > 0, x, 0.25 * x), 1.3720, 0.531),
            (F.silu, 1.6765, 0.380),
            (F.gelu, 1.5335, 0.456),
            (F.mish, 1.4868, 0.479),
            (F.elu, 1.2452, 0.668),
            (F.selu, 1.0000, 1.072),
            (torch.tanh, 1.5925, 0.464),
            (F.hardswish, 1.7367, 0.359),
            (lambda x: F.relu(x).square(), 0.8165, 2.000),
            (lambda x: F.softshrink(x, 1.0), 2.5762, 0.317),
            (F.hardtanh, 1.3920, 0.683),
            (lambda x: x.clamp(-0.01, 0.01), 100.27, 0.008),
            (lambda x: x.clamp(0, 1), 1.9686, 0.341),
            (lambda x: F.relu(x - 1), 3.6432, 0.159),
            (lambda x: F.relu(x - 1).clamp_max(1), 4.3606, 0.136),
            (lambda x: F.softshrink(x, 1.0).clamp(-1, 1), 3.0834, 0.272),
        ],
    )
    def test_the_literature_s_activations(self, clip, expected_gain, expected_slope):
        assert gain(clip, num_features=3) == pytest.approx(expected_gain, rel=5e-5)
        assert moments(clip, num_features=3).slope_square == pytest.approx(expected_slope, abs=6e-4)

    def test_channels_are_averaged(self):
        slopes = torch.tensor([0.0, 0.5, 1.0, 2.0], dtype=torch.float64)
        square, slope_square = moments(lambda x: x * slopes, num_features=4)
        assert square == pytest.approx(5.25 / 4, rel=1e-3)
        assert slope_square == pytest.approx(5.25 / 4, rel=1e-9)

    def test_a_mask_that_looks_at_the_sample_sees_a_normal_sample(self):
        def largest_quarter(x):
            kept = x.abs() >= x.abs().topk(16, dim=1).values[:, -1:]
            return x * kept

        sample = torch.randn(50_000, 64, generator=torch.Generator().manual_seed(1)).double()
        expected = largest_quarter(sample).square().mean().item()
        assert moments(largest_quarter, num_features=64).square == pytest.approx(expected, rel=0.01)

    def test_leaves_no_gradient_on_the_clip(self):
        threshold = torch.ones((), dtype=torch.float64, requires_grad=True)
        moments(lambda x: torch.minimum(x, threshold), num_features=2)
        assert threshold.grad is None

    def test_works_where_gradients_are_switched_off(self):
        with torch.no_grad():
            assert moments(F.relu, num_features=2).slope_square == pytest.approx(0.5, rel=1e-3)

    @pytest.mark.parametrize("clip", [torch.sign, lambda x: x.detach(), lambda x: x.detach() * 0])
    def test_a_clip_without_a_derivative_has_slope_zero(self, clip):
        assert moments(clip, num_features=2).slope_square == 0


@pytest.mark.parametrize("family", [MLP, CNN, ResNet20])
class TestPairing:
    def test_clips_share_their_weights_up_to_one_factor_a_layer(self, family):
        relu, clamp = model_of(family, RELU), model_of(family, CLAMP)
        factors = scales(clamp, relu)
        ratio = gain(CLAMP(num_features=4), num_features=4) / math.sqrt(2)
        assert factors[0] == pytest.approx(1)
        assert factors[1:] == pytest.approx([ratio] * (len(factors) - 1), rel=1e-3)

    @pytest.mark.parametrize("init", ["shared", "edge_of_chaos"])
    def test_schemes_share_their_weights_too(self, family, init):
        scales(model_of(family, SILU, init=init), model_of(family, SILU))

    def test_the_generator_ends_in_the_same_state(self, family):
        ends = []
        for make_clip, init in [(RELU, "gain"), (SILU, "shared"), (SILU, "edge_of_chaos")]:
            generator = torch.Generator().manual_seed(5)
            model_of_generator = partial(
                family, in_channels=1, image_size=8, num_classes=10, generator=generator
            )
            model_of_generator(make_clip=make_clip, init=init)
            ends.append(generator.get_state())
        assert all(torch.equal(end, ends[0]) for end in ends)

    def test_no_other_generator_is_drawn_from(self, family):
        before = torch.get_rng_state()
        model_of(family)
        assert torch.equal(torch.get_rng_state(), before)

    def test_seeds_differ(self, family):
        a, b = model_of(family, seed=0), model_of(family, seed=1)
        assert not torch.equal(a.head.weight, b.head.weight)

    def test_the_default_dtype_changes_no_number(self, family):
        single = model_of(family)
        torch.set_default_dtype(torch.float64)
        try:
            double = model_of(family)
        finally:
            torch.set_default_dtype(torch.float32)
        assert double.head.weight.dtype == torch.float64
        for a, b in zip(layers(single), layers(double), strict=True):
            assert torch.equal(a.weight, b.weight.float())

    def test_shared_is_he_s_factor_everywhere(self, family):
        first, *others = scales(model_of(family, CLAMP, init="shared"), model_of(family, RELU))
        assert first == pytest.approx(math.sqrt(2))
        assert others == pytest.approx([1] * len(others), rel=1e-5)


class TestInitialize:
    def test_gain_keeps_the_second_moment_through_depth(self):
        model = MLP(
            make_clip=CLAMP,
            in_channels=1,
            image_size=16,
            num_classes=256,
            generator=torch.Generator().manual_seed(0),
            widths=[256] * 10,
        )
        x = torch.randn(256, 1, 16, 16, generator=torch.Generator().manual_seed(1))
        assert model(x).square().mean().item() == pytest.approx(1, rel=0.15)

    def test_weights_have_variance_one_over_fan_in(self):
        model = model_of(CNN, make(lambda x: x), widths=[64, 64])
        weight = model.conv2.conv.weight
        assert weight.var().item() == pytest.approx(1 / (64 * 9), rel=0.03)
        assert weight.mean().item() == pytest.approx(0, abs=1e-3)

    def test_a_layer_takes_the_gain_of_the_clip_that_feeds_it(self):
        functions = iter([F.relu, lambda x: x.clamp(-0.1, 0.1)])
        mixed = model_of(
            MLP, lambda num_features: Function(next(functions), num_features=num_features)
        )
        identity = model_of(MLP, make(lambda x: x))
        assert scales(mixed, identity) == pytest.approx([1, math.sqrt(2), 10.277], rel=1e-3)

    @pytest.mark.parametrize("init", ["gain", "shared"])
    def test_biases_start_at_zero(self, init):
        model = model_of(MLP, SILU, init=init)
        assert all(torch.count_nonzero(layer.bias) == 0 for layer in layers(model))

    def test_edge_of_chaos_has_its_two_variances(self):
        edge = model_of(MLP, make(F.hardtanh), init="edge_of_chaos", widths=[400, 400])
        gained = model_of(MLP, make(F.hardtanh), widths=[400, 400])
        factors = scales(edge, gained)
        assert factors[1:] == pytest.approx([(1 / 0.6827) ** 0.5 / 1.39204] * 2, rel=1e-3)
        assert torch.count_nonzero(edge.fc1.linear.bias) == 0  # the images have no clip
        bias = edge.fc2.linear.bias
        assert bias.square().mean().item() == pytest.approx(1 - 0.51606 / 0.6827, rel=0.2)

    def test_relu_s_edge_of_chaos_is_he_s(self):
        edge = model_of(MLP, RELU, init="edge_of_chaos")
        assert scales(edge, model_of(MLP, RELU))[1:] == pytest.approx([1, 1], rel=1e-3)
        assert edge.fc2.linear.bias.abs().max().item() < 0.1

    @pytest.mark.parametrize("function", [lambda x: x * (x > 1), torch.sign])
    def test_a_clip_without_an_edge_of_chaos_says_so(self, function):
        with pytest.raises(ValueError, match="this clip has no edge of chaos at unit variance"):
            model_of(MLP, make(function), init="edge_of_chaos")

    def test_a_clip_that_passes_nothing_has_no_gain(self):
        with pytest.raises(ValueError, match=r"0 < E\[f\(z\)\^2\] < inf"):
            model_of(MLP, make(lambda x: x * 0))

    def test_an_unknown_scheme_is_named(self):
        with pytest.raises(ValueError, match="gain, shared or edge_of_chaos, got 'he'"):
            model_of(MLP, init="he")

    def test_norms_are_reset(self):
        model = model_of(CNN)
        norm = model.conv1.norm
        nn.init.constant_(norm.weight, 7.0)
        nn.init.constant_(norm.bias, 7.0)
        initialize(model, scheme="gain", generator=torch.Generator())
        assert torch.equal(norm.weight, torch.ones_like(norm.weight))
        assert torch.equal(norm.bias, torch.zeros_like(norm.bias))

    def test_layers_inside_clips_are_drawn_last_and_shift_nothing_outside(self):
        plain, gated = model_of(MLP, RELU, init="shared"), model_of(MLP, Gated, init="shared")
        for name in ("fc1.linear", "fc2.linear", "head"):
            ours, theirs = gated.get_submodule(name), plain.get_submodule(name)
            assert torch.equal(ours.weight, theirs.weight)
        again, other = model_of(MLP, Gated), model_of(MLP, Gated, seed=1)
        assert torch.equal(gated.fc1.clip.gate.weight, again.fc1.clip.gate.weight)
        assert not torch.equal(gated.fc1.clip.gate.weight, other.fc1.clip.gate.weight)
        numbers = gated.fc1.clip.gate.weight.flatten()[:1000]
        assert not torch.isin(gated.fc2.clip.gate.weight.flatten(), numbers).any()

    def test_layers_inside_clips_have_variance_one_over_fan_in_and_no_bias(self):
        gate = model_of(MLP, Gated, init="edge_of_chaos", widths=[256]).fc1.clip.gate
        assert gate.weight.var().item() == pytest.approx(1 / 256, rel=0.03)
        assert torch.count_nonzero(gate.bias) == 0

    def test_the_gain_is_that_of_the_layers_drawn(self):
        model, bare = model_of(MLP, Gated), model_of(MLP, make(lambda x: x))
        for unit, fed in [("fc1", "fc2.linear"), ("fc2", "head")]:
            clip = model.get_submodule(unit).clip
            ratio = model.get_submodule(fed).weight / bare.get_submodule(fed).weight
            expected = gain(clip, num_features=clip.gate.in_features)
            assert ratio.mean().item() == pytest.approx(expected, rel=1e-4)

    def test_norms_inside_clips_are_reset_and_keep_their_running_statistics(self):
        model = model_of(MLP, Normed)
        for unit in (model.fc1, model.fc2):
            norm = unit.clip.norm
            assert norm.training
            assert norm.track_running_stats
            assert torch.equal(norm.running_mean, torch.zeros_like(norm.running_mean))
            assert norm.num_batches_tracked == 0
            assert torch.equal(norm.weight, torch.ones_like(norm.weight))

    def test_a_norm_inside_a_clip_is_integrated_on_the_statistics_of_the_batch(self):
        # Of 3 relu(z) a batch norm makes unit variance; its fresh running ones leave 9/2.
        clip = Normed(num_features=4).eval()
        assert moments(clip, num_features=4).square == pytest.approx(1, rel=1e-3)
        assert not clip.norm.training

    def test_other_parameters_of_a_clip_are_its_own(self):
        model = model_of(MLP, Gated)
        assert model.fc1.clip.scale.item() == 0.5

    def test_a_parameter_nobody_draws_is_refused(self):
        class Scale(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(torch.empty(3))

        with pytest.raises(TypeError, match="Scale"):
            initialize(nn.Sequential(Scale()), scheme="gain", generator=torch.Generator())
