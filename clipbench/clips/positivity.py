"""How a threshold stays valid: maps from the raw learned number to the effective value.

=========  =============  ==================  ==============================================
name       value          slope               behaviour
=========  =============  ==================  ==============================================
project    raw            1                   raw is moved back to its domain after each step
abs        abs(raw)       +1 or -1, +1 at 0   crosses zero, where the clip has a slope there
softplus   log(1 + e^raw) 1 - e^-value        freezes small thresholds
exp        e^raw          value               freezes small thresholds, races with large ones
exp2       2^raw          value ln 2          the same, in octaves
sigmoid    1/(1 + e^-raw) value (1 - value)   below one; freezes at both ends
square     raw^2          2 raw               milder; dead at exactly zero
free       raw            1                   any sign
=========  =============  ==================  ==============================================

Each map has a domain. A raw number outside it is read as the nearest one inside, with slope one, so
that the gradient can bring it back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from clipbench.clips.readable import is_readable

Positivity = Literal["project", "abs", "softplus", "exp", "exp2", "sigmoid", "square", "free"]


@dataclass(frozen=True)
class Map:
    """One parametrisation.

    Attributes:
        low: least raw number of the domain.
        high: greatest raw number of the domain.
        value: from a raw number in the domain to the effective value.
        inverse: back.
    """

    low: float
    high: float
    value: Callable[[Tensor], Tensor]
    inverse: Callable[[Tensor], Tensor]


def enter_domain(raw: Tensor, low: float, high: float) -> Tensor:
    """Bring ``raw`` into ``low .. high``, with slope one everywhere.

    An infinite number becomes the nearest end, with slope zero. NaN stays NaN: a run that diverged
    must show it.
    """
    if is_readable(raw) and low <= raw.item() <= high:
        return raw.clone()
    # Zero, and the carrier of the gradient. Cheaper than an autograd.Function on a single number,
    # and what vmap and compile accept together.
    carrier = (raw - raw.detach()).nan_to_num(0.0)
    return raw.detach().clamp(low, high) + carrier


def _same(raw: Tensor) -> Tensor:
    return raw


def _absolute(raw: Tensor) -> Tensor:
    # torch.abs has slope zero at zero, where a threshold would stay for ever.
    return raw * torch.where(raw >= 0, 1.0, -1.0).to(raw.dtype)


def _inverse_softplus(value: Tensor) -> Tensor:
    # log(e^v - 1), written so that it neither overflows nor cancels.
    return value + torch.log(-torch.expm1(-value))


def _logit(value: Tensor) -> Tensor:
    return torch.logit(value.clamp(0.0, 1.0))


MAPS: dict[Positivity, Map] = {
    "project": Map(1e-3, 1e6, _same, _same),
    "abs": Map(-1e6, 1e6, _absolute, _same),
    "softplus": Map(-20.0, 1e6, F.softplus, _inverse_softplus),
    "exp": Map(-20.0, 20.0, torch.exp, torch.log),
    "exp2": Map(-20.0, 20.0, torch.exp2, torch.log2),
    "sigmoid": Map(-10.0, 10.0, torch.sigmoid, _logit),
    "square": Map(-1e3, 1e3, torch.square, torch.sqrt),
    "free": Map(-1e6, 1e6, _same, _same),
}
