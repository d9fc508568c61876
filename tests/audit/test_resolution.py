"""The smallest step of a dtype, against steps that are taken."""

import pytest
import torch

from clipbench.audit.resolution import least_step

VALUES = [1.0, 1.5, -3.0, 0.1, 100.0, 1e-3]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("value", VALUES)
def test_smaller_steps_are_lost_and_larger_ones_are_not(dtype, value):
    here = torch.tensor(value, dtype=dtype)
    least = least_step(here)
    assert least.shape == here.shape

    def lands(share: float) -> list[float]:
        exact = here.double() + share * least * torch.tensor([-1.0, 1.0], dtype=torch.float64)
        return exact.to(dtype).tolist()

    assert lands(0.99) == [here.item()] * 2
    assert lands(1.01) != [here.item()] * 2


def test_bfloat16_at_one():
    assert least_step(torch.ones(2, dtype=torch.bfloat16)).tolist() == [2**-9, 2**-9]
