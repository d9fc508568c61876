"""Ties, chain factors, sweeps and stacking, each against numbers worked out by hand."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import nn

from clipbench.audit.chain import accepted_positivities, chain_table
from clipbench.audit.stacking import stacking
from clipbench.audit.sweeps import dtype_sweep, sign_sweep
from clipbench.audit.ties import tie_table
from clipbench.clips.fixed import FixedClamp
from clipbench.clips.learnable import LearnableClip
from clipbench.clips.published_sigmoid import PublishedSigmoid
from clipbench.clips.soft_threshold import SoftThreshold
from tests.audit import broken

X = torch.linspace(-2, 2, 32, dtype=torch.float64).view(8, 4)


def test_the_tie_table_shows_that_the_threshold_takes_the_whole_gradient():
    rows = {(row.at, row.of): row.slopes for row in tie_table(LearnableClip(init=1.5).double())}
    assert rows == {
        (-1.5, "x"): (0.0, 0.0, 1.0),
        (-1.5, "upper.raw"): (-1.0, -1.0, 0.0),
        (1.5, "x"): (1.0, 0.0, 0.0),
        (1.5, "upper.raw"): (0.0, 1.0, 1.0),
    }


def test_a_threshold_without_a_gradient_has_none_at_its_ties_and_a_fixed_clip_has_no_row():
    rows = [row for row in tie_table(PublishedSigmoid().double()) if row.of == "lower.raw"]
    assert rows[0].slopes == (None, None, None)
    assert tie_table(FixedClamp(min=0.0)) == []


def test_chain_factors_are_those_of_the_maps():
    rows = {row.positivity: row for row in chain_table(partial(LearnableClip, init=0.01))}
    expected = {
        "project": 1.0,
        "abs": 1.0,
        "softplus": 1 - math.exp(-0.01),
        "exp": 0.01,
        "square": 2 * 0.1,
    }
    assert rows.keys() == expected.keys()
    for name, slope in expected.items():
        assert rows[name].autograd == pytest.approx(slope, rel=1e-4)
        assert rows[name].difference == pytest.approx(slope, rel=1e-4)
    assert accepted_positivities(nn.Linear) == ()


def test_a_parametrisation_that_refuses_the_first_value_is_left_out():
    rows = chain_table(partial(SoftThreshold, init=4.0))
    assert {row.positivity for row in rows} == {"project", "abs", "softplus", "exp", "square"}


def test_stacked_copies_agree_and_a_module_that_reads_values_is_named():
    class Reads(broken.Scalar):
        def forward(self, x):
            return x.clamp(max=self.upper.item())

    assert stacking(LearnableClip().double(), X) == []
    (finding,) = stacking(Reads().double(), X)
    assert "does not run under vmap" in finding.reason
    assert not finding.convicts


def test_a_module_that_is_not_finite_somewhere_is_named():
    class Divides(broken.Scalar):
        def forward(self, x):
            return x / self.upper

    reasons = [finding.reason for finding in sign_sweep(Divides().double())]
    assert "at 0 the output is not finite" in reasons


def test_a_module_that_changes_the_dtype_is_named():
    reasons = [finding.reason for finding in dtype_sweep(Widens())]
    assert "it turns bfloat16 into float32" in reasons


class Widens(nn.Module):
    def forward(self, x):
        return x.float()
