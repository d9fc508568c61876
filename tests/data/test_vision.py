"""torchvision can be imported beside any torch, without a warning, and does its work."""

from __future__ import annotations

import subprocess
import sys


def test_import_is_silent_and_repeatable_and_the_functions_work():
    script = """
from clipbench.data.vision import import_torchvision
import torch
vision = import_torchvision()
assert import_torchvision() is vision
grid = vision.utils.make_grid(torch.zeros(4, 1, 8, 8), nrow=2)
assert grid.shape == (3, 22, 22), grid.shape
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
