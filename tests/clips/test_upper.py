"""What clips between zero and an upper threshold share."""

from __future__ import annotations

import pytest
import torch

from clipbench.clips.threshold import Threshold
from clipbench.clips.upper import UpperClip


class Upper(UpperClip):
    def __init__(self, *, learned):
        super().__init__()
        self.upper = Threshold(
            2.0, per="layer", num_features=None, positivity="project", learned=learned
        )


X = [-1.0, 0.0, 0.5, 2.0, 3.0]


@pytest.mark.parametrize("learned", [True, False])
def test_value_gradients_and_saturation_equal_a_slow_loop_ties_included(learned):
    clip = Upper(learned=learned)
    x = torch.tensor([X], requires_grad=True)
    y = clip(x)
    (y * torch.tensor([[1.0, 10.0, 100.0, 1e3, 1e4]])).sum().backward()
    assert y.tolist() == [[min(max(v, 0.0), 2.0) for v in X]]
    assert x.grad.tolist() == [[0.0, 0.0, 100.0, 0.0, 0.0]]
    assert clip.saturated(x).tolist() == [[False, False, False, True, True]]
    if learned:
        assert clip.upper.raw.grad.item() == 11e3


def test_a_slope_is_written_only_for_what_is_learned():
    x = torch.tensor([X])
    assert Upper(learned=True).slopes(x)["upper"].tolist() == [[0.0, 0.0, 0.0, 1.0, 1.0]]
    assert Upper(learned=False).slopes(x) == {}
    assert Upper(learned=False).thresholds()["upper"].item() == 2.0


def test_nan_is_not_hidden():
    assert Upper(learned=True)(torch.tensor([[torch.nan]])).isnan().all()
