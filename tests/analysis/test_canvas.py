"""Names fit their place and cannot steer it."""

from __future__ import annotations

import pytest

from clipbench.analysis.canvas import short


@pytest.mark.parametrize("most", [4, 9, 30])
def test_a_long_name_is_cut_in_its_middle(most):
    name = "learnable, optim.lr=0.01, clip.init=percentile"
    cut = short(name, most)
    assert len(cut) <= most + 1
    assert cut[:2] == name[:2]
    assert cut[-2:] == name[-2:]
    assert short("relu", most) == "relu"


def test_what_does_not_print_is_written_out():
    assert short("a\x1b", 30) == "a\\x1b"
