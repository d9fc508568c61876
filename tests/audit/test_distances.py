"""Distances between vectors of slopes, against numbers worked out by hand."""

import math

import pytest
import torch

from clipbench.audit.distances import cosine_of, distance, ratio_of, relative

A, B = torch.tensor([3.0, 4.0]), torch.tensor([6.0, 8.0])
NOTHING = torch.zeros(2)


def test_a_vector_and_its_double():
    assert relative(B - A, A) == 1.0
    assert distance(A, B) == distance(B, A) == 0.5
    assert cosine_of(A, B) == pytest.approx(1.0)
    assert cosine_of(A, -B) == pytest.approx(-1.0)
    assert (ratio_of(B, A), ratio_of(A, B)) == (2.0, 0.5)


def test_right_angles():
    across = torch.tensor([-4.0, 3.0])
    assert cosine_of(A, across) == ratio_of(A, across) == 0.0
    assert distance(A, across) == pytest.approx(math.sqrt(2))


def test_nothing_has_no_direction_and_no_distance_to_itself():
    assert relative(A, NOTHING) == math.inf
    assert distance(NOTHING, NOTHING) == 0.0
    assert distance(A, NOTHING) == 1.0
    assert cosine_of(A, NOTHING) == 0.0
    assert math.isnan(ratio_of(A, NOTHING))
