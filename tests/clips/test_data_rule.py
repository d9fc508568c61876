"""Data rules: how they are written, and their statistics against torch's and a slow loop."""

from __future__ import annotations

import statistics

import pytest
import torch

from clipbench.clips.data_rule import DataRule, parse_rule

X = torch.randn(6, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 2 + 0.5


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("percentile", DataRule("percentile", 99.9)),
        ("percentile:99", DataRule("percentile", 99.0)),
        ("percentile:100", DataRule("percentile", 100.0)),
        ("std", DataRule("std", 2.0)),
        ("std:3", DataRule("std", 3.0)),
        ("std:0.5", DataRule("std", 0.5)),
    ],
)
def test_the_forms_of_a_rule(text, rule):
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    "text",
    ["", "mean", "1.0", "percentile:", "percentile:0", "percentile:101", "percentile:x"]
    + ["std:0", "std:-1", "std:nan", "std:inf", "std:1:2", "Std", " std"],
)
def test_anything_else_is_refused_and_the_forms_are_told(text):
    with pytest.raises(ValueError, match="'percentile:Q' with 0 < Q <= 100") as error:
        parse_rule(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("percent", [0.1, 37.0, 50.0, 99.0, 99.9, 100.0])
def test_percentiles_equal_torch_quantile(percent):
    rule = DataRule("percentile", percent)
    whole = rule.statistic(X, per="layer")
    torch.testing.assert_close(whole, X.abs().quantile(percent / 100))
    rows = X.abs().transpose(0, 1).flatten(1)
    channels = rule.statistic(X, per="channel")
    torch.testing.assert_close(channels, rows.quantile(percent / 100, dim=1))


def test_std_is_the_root_mean_square_about_the_mean():
    rule = DataRule("std", 3.0)
    expected = 3 * statistics.pstdev(X.flatten().tolist())
    assert rule.statistic(X, per="layer").item() == pytest.approx(expected, rel=1e-5)
    for channel, value in enumerate(rule.statistic(X, per="channel").tolist()):
        values = X[:, channel].flatten().tolist()
        assert value == pytest.approx(3 * statistics.pstdev(values), rel=1e-5)


@pytest.mark.parametrize("rule", [DataRule("percentile", 90.0), DataRule("std", 2.0)], ids=str)
def test_statistics_take_flat_inputs_and_are_float32_at_least(rule):
    x = X[:, :, 0, 0]
    assert rule.statistic(x, per="channel").shape == (3,)
    assert rule.statistic(x.bfloat16(), per="layer").dtype == torch.float32
    assert rule.statistic(x.double(), per="layer").dtype == torch.float64


def test_a_percentile_takes_more_elements_than_torch_quantile_would():
    x = torch.zeros(2**24 + 1, 1)
    x[:5] = 1.0
    assert DataRule("percentile", 99.9).statistic(x, per="layer").item() == 0.0
    assert DataRule("percentile", 100.0).statistic(x, per="layer").item() == 1.0
