"""No clipping changes nothing."""

from __future__ import annotations

import torch

from clipbench.grad_clips.none import NoClip


def test_the_same_gradients_come_back_in_a_new_list():
    gradients = [torch.randn(3), torch.randn(2, 2)]
    answer, state = NoClip()(gradients, weights=[], state={})
    assert answer is not gradients
    assert all(a is b for a, b in zip(answer, gradients, strict=True))
    assert state == {}
