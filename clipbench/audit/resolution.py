"""The smallest step that a number of a dtype can take.

A step is lost where it is less than half the distance to the next number: the sum is rounded back
to where it was. A bfloat16 at 1 needs 0.002 to go down and 0.004 to go up.
"""

from __future__ import annotations

import torch
from torch import Tensor


def least_step(parameter: Tensor) -> Tensor:
    """Return the size up to which a step is lost in each element, whichever way it goes."""
    values = parameter.detach()
    up = torch.nextafter(values, torch.full_like(values, torch.inf)) - values
    down = values - torch.nextafter(values, torch.full_like(values, -torch.inf))
    return torch.minimum(up.double(), down.double()) / 2
