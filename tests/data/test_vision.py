"""torchvision can be imported beside any torch, without a warning, and does its work."""

from __future__ import annotations

import torch

from clipbench.data.vision import import_torchvision


def test_import_is_repeatable_and_the_functions_work():
    vision = import_torchvision()
    assert import_torchvision() is vision
    grid = vision.utils.make_grid(torch.zeros(4, 1, 8, 8), nrow=2)
    assert grid.shape == (3, 22, 22)
