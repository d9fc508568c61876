"""The tie rule against a slow loop, in each of its forms."""

from __future__ import annotations

import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from clipbench.clips.learnable import LearnableClip
from clipbench.clips.tie_rule import clip_at, clip_size, keep_positive

# Halves, so that ties are frequent and sums are exact.
HALVES = st.integers(-6, 6).map(lambda n: n / 2)
ROWS = st.lists(st.tuples(HALVES, HALVES), min_size=1, max_size=12)


def slow_clip(x, lower, upper):
    return min(max(x, lower), upper)


def slow_gradients(inputs, grads, lower, upper):
    to_x, to_lower, to_upper = [], 0.0, 0.0
    for x, g in zip(inputs, grads, strict=True):
        to_x.append(g if lower < x < upper else 0.0)
        to_lower += g if x <= lower else 0.0
        to_upper += g if x >= upper else 0.0
    return to_x, to_lower, to_upper


def loss(x, lower, upper, weights):
    return (clip_at(x, lower, upper) * weights).sum()


@settings(deadline=None, max_examples=80)
@given(rows=ROWS, lower=HALVES, upper=HALVES)
def test_values_and_gradients_equal_a_slow_loop_at_ties_and_where_bounds_meet_or_cross(
    rows, lower, upper
):
    inputs, grads = zip(*rows, strict=True)
    x = torch.tensor(inputs, dtype=torch.float64, requires_grad=True)
    low = torch.tensor(lower, dtype=torch.float64, requires_grad=True)
    high = torch.tensor(upper, dtype=torch.float64, requires_grad=True)
    y = clip_at(x, low, high)
    y.backward(torch.tensor(grads, dtype=torch.float64))
    assert y.tolist() == [slow_clip(value, lower, upper) for value in inputs]
    to_x, to_lower, to_upper = slow_gradients(inputs, grads, lower, upper)
    assert x.grad.tolist() == to_x
    assert low.grad.item() == to_lower
    assert high.grad.item() == to_upper


@settings(deadline=None, max_examples=40)
@given(rows=ROWS, bound=HALVES.map(abs))
def test_it_respects_the_bound_keeps_what_is_below_and_changes_nothing_twice(rows, bound):
    x = torch.tensor([value for value, _ in rows])
    upper = torch.tensor(bound)
    y = clip_at(x, -upper, upper)
    below = x.abs() < upper
    assert (y.abs() <= upper).all()
    assert torch.equal(y[below], x[below])
    assert torch.equal(clip_at(y, -upper, upper), y)


@settings(deadline=None, max_examples=80)
@given(rows=ROWS, bound=HALVES.map(abs))
def test_one_bound_for_both_tails_gets_their_difference(rows, bound):
    inputs, grads = zip(*rows, strict=True)
    x = torch.tensor(inputs, dtype=torch.float64, requires_grad=True)
    size = torch.tensor(bound, dtype=torch.float64, requires_grad=True)
    y = clip_size(x, size)
    y.backward(torch.tensor(grads, dtype=torch.float64))
    assert y.tolist() == [slow_clip(value, -bound, bound) for value in inputs]
    to_x, to_lower, to_upper = slow_gradients(inputs, grads, -bound, bound)
    assert x.grad.tolist() == to_x
    assert size.grad.item() == pytest.approx(to_upper - to_lower, rel=1e-12, abs=1e-12)


def gradients_of(function, x, weights, bounds):
    leaves = [tensor.clone().requires_grad_() for tensor in (x, *bounds)]
    y = function(*leaves)
    return [y.detach(), *torch.autograd.grad(y, leaves, weights)]


FORMS = {
    "contiguous": lambda t: t,
    "channels last": lambda t: t.contiguous(memory_format=torch.channels_last),
    "a slice": lambda t: torch.cat([t, t], dim=1)[:, : t.shape[1]],
    "transposed": lambda t: t.transpose(2, 3).contiguous().transpose(2, 3),
}


@pytest.mark.parametrize("gradient", FORMS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bound", [1e-12, 0.5, 2.0])
def test_bounds_that_are_numbers_give_what_bounds_that_are_tensors_do(form, gradient, bound):
    generator = torch.Generator().manual_seed(3)
    x, weights = (torch.randn(4, 3, 5, 6, generator=generator) for _ in range(2))
    x, weights = FORMS[form]((x * 4).round() / 4), FORMS[gradient](weights)
    size = torch.tensor(bound)
    for function, bounds in ((clip_size, [size]), (clip_at, [-size, 2 * size])):
        numbers = gradients_of(function, x, weights, bounds)
        tensors = gradients_of(function, x, weights, [bound.view(1) for bound in bounds])
        assert torch.equal(numbers[0], tensors[0])
        assert torch.equal(numbers[1], tensors[1])
        for number, tensor in zip(numbers[2:], tensors[2:], strict=True):
            torch.testing.assert_close(number, tensor.view(()), rtol=1e-5, atol=1e-5)


def test_a_bound_that_nothing_reaches_gets_exactly_no_gradient():
    x = torch.randn(64, 64, generator=torch.Generator().manual_seed(4))
    weights = torch.randn(64, 64, generator=torch.Generator().manual_seed(5))
    far = torch.tensor(9.0)
    assert gradients_of(clip_size, x, weights, [far])[2] == 0
    assert gradients_of(clip_at, x, weights, [-far, far])[2:] == [0, 0]


def test_at_a_tie_the_bound_takes_the_whole_gradient_and_the_input_none():
    x = torch.tensor([-1.0, 1.0], requires_grad=True)
    lower = torch.tensor(-1.0, requires_grad=True)
    upper = torch.tensor(1.0, requires_grad=True)
    clip_at(x, lower, upper).backward(torch.tensor([3.0, 5.0]))
    assert x.grad.tolist() == [0.0, 0.0]
    assert (lower.grad.item(), upper.grad.item()) == (3.0, 5.0)


def tie(function, *, x=1.0):
    """Return the slopes of ``function(x, bound)`` for both at the bound 1."""
    value, bound = torch.tensor(x, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    slopes = torch.autograd.grad(function(value, bound), (value, bound), allow_unused=True)
    return tuple(None if slope is None else slope.item() for slope in slopes)


TORCH_TIES = {
    "clamp with a tensor": (lambda x, t: torch.clamp(x, max=t), 1.0, (1.0, 0.0)),
    "clamp with two tensors": (lambda x, t: torch.clamp(x, -t, t), 1.0, (1.0, 0.0)),
    "minimum": (lambda x, t: torch.minimum(F.relu(x), t), 1.0, (0.5, 0.5)),
    "where": (lambda x, t: torch.where(F.relu(x) < t, F.relu(x), t), 1.0, (0.0, 1.0)),
    "absolute values": (lambda x, t: (x.abs() - (x - t).abs() + t) / 2, 1.0, (0.5, 0.5)),
    "relu6": (lambda x, t: F.relu6(x), 6.0, (0.0, None)),
    "hardtanh": (lambda x, t: F.hardtanh(x), 1.0, (0.0, None)),
    "clamp with numbers": (lambda x, t: torch.clamp(x, -1, 1), 1.0, (1.0, None)),
    "relu": (lambda x, t: F.relu(x), 0.0, (0.0, None)),
    "clamp at zero": (lambda x, t: torch.clamp(x, 0, 1), 0.0, (1.0, None)),
}


@pytest.mark.parametrize("name", TORCH_TIES)
def test_torch_treats_ties_as_it_did_when_this_rule_was_written(name):
    function, x, expected = TORCH_TIES[name]
    assert tie(function, x=x) == expected


def test_our_rule_beside_that_table():
    assert tie(lambda x, t: clip_at(x, -t, t)) == (0.0, 1.0)


@pytest.mark.parametrize("shape", [(3,), (1,), (5, 3), (5, 1)], ids=str)
def test_bounds_that_broadcast_get_their_gradient_summed_over_what_they_cover(shape):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 5, 3, dtype=torch.float64, generator=generator)
    g = torch.randn(4, 5, 3, dtype=torch.float64, generator=generator)
    upper = torch.rand(shape, dtype=torch.float64, generator=generator).requires_grad_()
    lower = (-torch.rand(shape, dtype=torch.float64, generator=generator)).requires_grad_()
    clip_at(x, lower, upper).backward(g)
    for bound, hit in ((upper, x >= upper), (lower, x <= lower)):
        assert bound.grad.shape == shape
        torch.testing.assert_close(bound.grad, (g * hit).sum_to_size(shape))


def test_bounds_of_the_shape_of_the_input_are_not_summed():
    x = torch.tensor([[2.0, 0.0], [-2.0, 1.0]])
    upper = torch.ones(2, 2, requires_grad=True)
    clip_at(x, -torch.ones(2, 2), upper).backward(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert upper.grad.tolist() == [[1.0, 0.0], [0.0, 4.0]]


def test_sums_in_bfloat16_do_not_stall():
    # Added up in bfloat16, ones stop counting at 256.
    x = torch.full((4096,), 2.0, dtype=torch.bfloat16)
    upper = torch.tensor(1.0, dtype=torch.bfloat16, requires_grad=True)
    clip_at(x, -upper, upper).sum().backward()
    assert upper.grad.dtype == torch.bfloat16
    assert upper.grad.item() == 4096.0


def test_nan_stays_nan_and_infinity_is_clipped():
    one = torch.tensor(1.0)
    y = clip_at(torch.tensor([float("nan"), float("inf"), -float("inf")]), -one, one)
    assert y[0].isnan()
    assert y[1:].tolist() == [1.0, -1.0]


@pytest.mark.parametrize(
    "dims", [(0, None, None), (None, 0, None), (None, 0, 0), (0, 0, 0)], ids=str
)
def test_vmap_equals_a_loop_over_inputs_bounds_and_both(dims):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(*([3] if dims[0] == 0 else []), 6, 2, generator=generator).mul(2).round().div(2)
    lower = torch.tensor([-0.5, -1.0, -1.5]) if dims[1] == 0 else torch.tensor(-0.5)
    upper = torch.tensor([0.5, 1.0, 1.5]) if dims[2] == 0 else torch.tensor(1.0)
    weights = torch.randn(6, 2, generator=generator)
    gradients = grad(loss, argnums=(0, 1, 2))
    stacked = vmap(gradients, in_dims=(*dims, None))(x, lower, upper, weights)
    arguments = [
        [
            tensor if dim is None else tensor[i]
            for tensor, dim in zip((x, lower, upper), dims, strict=True)
        ]
        for i in range(3)
    ]
    looped = [gradients(*one, weights) for one in arguments]
    for together, singles in zip(stacked, zip(*looped, strict=True), strict=True):
        torch.testing.assert_close(together, torch.stack(singles))


def test_a_bound_that_needs_no_gradient_gets_none_under_vmap_too():
    x, weights, zero = torch.tensor([-1.0, 0.5, 3.0]), torch.ones(3), torch.zeros(())
    gradient = grad(lambda upper: loss(x, zero, upper, weights))
    assert vmap(gradient)(torch.tensor([0.5, 1.0])).tolist() == [2.0, 1.0]


def test_second_derivatives_are_those_of_a_piecewise_linear_function():
    x = torch.tensor([-2.0, 0.3, 2.0], dtype=torch.float64, requires_grad=True)
    upper = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda a, t: clip_at(a, -t, t), (x, upper))
    assert torch.autograd.gradgradcheck(clip_size, (x, upper))


@pytest.fixture
def compiled():
    torch._dynamo.reset()
    yield lambda function: torch.compile(function, fullgraph=True, backend="eager")
    torch._dynamo.reset()


@pytest.mark.parametrize(("lower", "upper"), [(-1.0, 1.0), (0.0, 0.0), (0.5, 0.5), (1.0, -1.0)])
def test_traced_forms_equal_the_eager_one_at_ties_and_where_bounds_meet_or_cross(
    compiled, lower, upper
):
    x, weights = torch.arange(-4, 5) / 2, torch.arange(1.0, 10.0)
    bounds = [torch.tensor(lower), torch.tensor(upper)]

    def slopes(*tensors):
        return grad(lambda *leaves: (clip_at(*leaves) * weights).sum(), (0, 1, 2))(*tensors)

    expected = gradients_of(clip_at, x, weights, bounds)
    for found, eager in zip(
        gradients_of(compiled(clip_at), x, weights, bounds), expected, strict=True
    ):
        assert torch.equal(found, eager)
    for found, eager in zip(compiled(slopes)(x, *bounds), expected[1:], strict=True):
        assert torch.equal(found, eager)


@pytest.mark.campaign  # the first kernels take half a minute
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from inside torch
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ on a CPU")
def test_what_the_compiler_makes_of_it_equals_the_eager_form():
    torch._dynamo.reset()
    generator = torch.Generator().manual_seed(6)
    x, weights = (
        FORMS["channels last"](torch.randn(4, 3, 5, 6, dtype=torch.float64, generator=generator))
        for _ in range(2)
    )
    bounds = [torch.tensor(value, dtype=torch.float64) for value in (0.75, -0.5, 0.625)]

    def clip_twice(x, size, lower, upper):
        # The first follows nothing, the second a layer: their sums run in different orders.
        return clip_at(clip_size(x, size) * 1.5, lower, upper)

    whole = torch.compile(clip_twice, fullgraph=True)
    found, expected = (gradients_of(f, x, weights, bounds) for f in (whole, clip_twice))
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    for compiled, eager in zip(found[2:], expected[2:], strict=True):
        torch.testing.assert_close(compiled, eager, rtol=1e-12, atol=1e-12)
    torch._dynamo.reset()


def test_compile_accepts_vmap_over_gradients(compiled):
    clip = LearnableClip(num_features=2)
    x = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(2))
    raw = torch.tensor([0.5, 1.0, 1.5])
    step = vmap(grad(lambda raw, x: functional_call(clip, {"upper.raw": raw}, (x,)).square().sum()))
    torch.testing.assert_close(compiled(step)(raw, x), step(raw, x))


def test_keep_positive_drops_ties():
    kept = keep_positive(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-1.0, 0.0, 1e-30]))
    assert kept.tolist() == [0.0, 0.0, 3.0]
