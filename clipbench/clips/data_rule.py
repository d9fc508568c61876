"""Rules that set a threshold from the pre-activations of its site on the first clean batch.

``percentile:Q`` is the Q-th percentile of ``|x|`` (linear between ranks, Q = 99.9 where none is
given); ``std:K`` is K times the root mean square of ``x`` about its mean, ``mean_abs:K`` K times
the mean of ``|x|`` (K = 2 where none is given). Per channel, the statistic of each channel; per
neuron, that of each element of a sample over the batch.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import torch
from torch import Tensor

_FORM = re.compile(r"(percentile|std|mean_abs)(?::(.+))?")
_DEFAULTS = {"percentile": 99.9, "std": 2.0, "mean_abs": 2.0}
_FORMS = (
    "a number, 'percentile', 'percentile:Q' with 0 < Q <= 100, or 'std', 'std:K', 'mean_abs' or "
    "'mean_abs:K' with 0 < K < inf"
)


@dataclass(frozen=True)
class DataRule:
    """A statistic of pre-activations.

    Attributes:
        name: ``percentile`` of the absolute value, ``std``, or ``mean_abs``.
        amount: Q of the percentile, or the factor K.
    """

    name: str
    amount: float

    def statistic(self, x: Tensor, *, per: Literal["layer", "channel", "neuron"]) -> Tensor:
        """Reduce ``(N, C, ...)`` to one value, ``(C,)`` or ``(C, ...)``, in float32 at least."""
        rows = x.detach().to(torch.promote_types(x.dtype, torch.float32))
        if per == "layer":
            rows = rows.flatten()
        elif per == "channel":
            rows = rows.transpose(0, 1).flatten(1)
        else:
            rows = rows.movedim(0, -1)
        if self.name == "std":
            return self.amount * rows.std(dim=-1, correction=0)
        if self.name == "mean_abs":
            return self.amount * rows.abs().mean(dim=-1)
        return _percentile(rows.abs(), self.amount)

    def of_normal(self) -> float:
        """Give the statistic of the standard normal, the best guess before any data is seen."""
        if self.name == "std":
            return self.amount
        if self.name == "mean_abs":
            return self.amount * math.sqrt(2 / math.pi)
        # The largest of a sample has no limit; four deviations hold all but one in 16 000.
        return min(NormalDist().inv_cdf(0.5 + self.amount / 200), 4.0) if self.amount < 100 else 4.0


def parse_rule(text: str) -> DataRule:
    """Read a data rule.

    Raises:
        ValueError: ``text`` is not one of the forms.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"init must be {_FORMS}, got {text!r}.")
    name, amount = match.group(1), match.group(2)
    try:
        number = _DEFAULTS[name] if amount is None else float(amount)
    except ValueError:
        number = math.nan
    # Written so that NaN is refused too.
    if not (0 < number <= 100 if name == "percentile" else 0 < number < math.inf):
        raise ValueError(f"init must be {_FORMS}, got {text!r}.")
    return DataRule(name, number)


def _percentile(rows: Tensor, percent: float) -> Tensor:
    # torch.quantile refuses more than 2^24 elements; a high percentile needs the largest few only.
    position = percent / 100 * (rows.shape[-1] - 1)
    below = math.floor(position)
    largest = rows.topk(rows.shape[-1] - below, dim=-1).values
    low = largest[..., -1]
    return low if below == position else torch.lerp(low, largest[..., -2], position - below)
