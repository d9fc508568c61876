"""Each map against its formula, and the domain that keeps it valid."""

from __future__ import annotations

import math

import pytest
import torch
from torch.func import grad, vmap

from clipbench.clips.positivity import MAPS, enter_domain

# value and slope of each map at a raw number.
FORMULAS = {
    "project": (lambda r: r, lambda r: 1.0),
    "abs": (abs, lambda r: 1.0 if r >= 0 else -1.0),
    "softplus": (lambda r: math.log1p(math.exp(r)), lambda r: 1 / (1 + math.exp(-r))),
    "exp": (math.exp, math.exp),
    "exp2": (lambda r: 2.0**r, lambda r: 2.0**r * math.log(2)),
    "sigmoid": (lambda r: 1 / (1 + math.exp(-r)), lambda r: 1 / (2 + math.exp(r) + math.exp(-r))),
    "square": (lambda r: r * r, lambda r: 2 * r),
    "free": (lambda r: r, lambda r: 1.0),
}


def double(number):
    return torch.tensor(number, dtype=torch.float64)


@pytest.mark.parametrize("raw", [-1.5, -0.01, 0.0, 0.01, 2.0])
@pytest.mark.parametrize("name", MAPS)
def test_value_and_slope_equal_the_formula(name, raw):
    value, slope = FORMULAS[name]
    assert MAPS[name].value(double(raw)).item() == pytest.approx(value(raw))
    assert grad(MAPS[name].value)(double(raw)).item() == pytest.approx(slope(raw))


@pytest.mark.parametrize("value", [2e-3, 0.1, 1.0, 30.0, 1e5])
@pytest.mark.parametrize("name", MAPS)
def test_the_inverse_undoes_the_map(name, value):
    value = min(value, 9999.0) / (1 + min(value, 9999.0)) if name == "sigmoid" else value
    raw = MAPS[name].inverse(double(value))
    assert MAPS[name].low <= raw.item() <= MAPS[name].high
    assert MAPS[name].value(raw).item() == pytest.approx(value)


@pytest.mark.parametrize("name", [name for name in MAPS if name != "free"])
def test_values_at_both_ends_of_the_domain_are_finite_and_not_negative_in_float32(name):
    for end in (MAPS[name].low, MAPS[name].high):
        value = MAPS[name].value(torch.tensor(end)).item()
        assert math.isfinite(value)
        assert value >= 0


@pytest.mark.parametrize(
    ("raw", "inside"), [(-7.0, -2.0), (-2.0, -2.0), (0.3, 0.3), (5.0, 5.0), (1e38, 5.0)]
)
def test_entering_a_domain_clamps_the_value_and_keeps_slope_one(raw, inside):
    number = torch.tensor(raw)
    assert enter_domain(number, -2.0, 5.0).item() == torch.tensor(inside).item()
    assert grad(enter_domain)(number, -2.0, 5.0).item() == 1.0


def test_infinity_enters_the_domain_and_nan_is_not_hidden():
    raw = torch.tensor([float("inf"), -float("inf"), float("nan")])
    entered = enter_domain(raw, -2.0, 5.0)
    assert entered[:2].tolist() == [5.0, -2.0]
    assert entered[2].isnan()


def test_entering_a_domain_works_under_vmap():
    raw = torch.tensor([-7.0, 0.5, 9.0])
    slopes = vmap(grad(lambda r: 3 * enter_domain(r, -2.0, 5.0)))(raw)
    assert slopes.tolist() == [3.0, 3.0, 3.0]
