"""The chain factor of a parametrisation: how far a threshold moves when its raw number does.

``exp`` moves a small threshold a hundred times less than ``project`` for the same gradient, and a
gradient of ``t`` returned for ``log t`` lacks the factor altogether. Measured on the module itself,
by autograd and by central differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from torch import nn

from clipbench.clips.threshold import Threshold

STEP = 1e-6


@dataclass(frozen=True)
class ChainRow:
    """One threshold under one parametrisation.

    Attributes:
        threshold: its name.
        positivity: the map from the raw number.
        value: the effective value at the start.
        autograd: the slope of the value in the raw number, as autograd has it.
        difference: the same by central differences.
    """

    threshold: str
    positivity: str
    value: float
    autograd: float
    difference: float


def chain_table(make: Callable[..., nn.Module]) -> list[ChainRow]:
    """Tabulate every learned threshold under every parametrisation that the clip accepts.

    One whose domain does not hold the first value is left out.

    Args:
        make: makes the module; takes ``positivity`` where the clip does.
    """
    module = make()
    accepted = accepted_positivities(type(module))
    modules = [_accepting(make, name) for name in accepted] if accepted else [module]
    return [row for each in modules if each is not None for row in _rows(each.double())]


def accepted_positivities(kind: type[nn.Module]) -> tuple[str, ...]:
    """Read from its constructor's signature which maps a clip accepts; none without the key."""
    hint: Any = get_type_hints(kind.__init__).get("positivity")
    return get_args(hint) if get_origin(hint) is Literal else ()


def _accepting(make: Callable[..., nn.Module], positivity: str) -> nn.Module | None:
    try:
        return make(positivity=positivity)
    except ValueError:
        return None


def _rows(module: nn.Module) -> list[ChainRow]:
    learned = {
        name: part
        for name, part in module.named_modules()
        if isinstance(part, Threshold) and isinstance(part.raw, nn.Parameter)
    }
    return [_row(name, threshold) for name, threshold in learned.items()]


def _row(name: str, threshold: Threshold) -> ChainRow:
    value = threshold.value()
    (slope,) = torch.autograd.grad(value.sum(), threshold.raw)
    return ChainRow(
        name,
        threshold.positivity,
        value.detach().flatten()[0].item(),
        slope.flatten()[0].item(),
        _difference(threshold),
    )


@torch.no_grad()
def _difference(threshold: Threshold) -> float:
    start, ends = threshold.raw.clone(), []
    for sign in (1, -1):
        threshold.raw.copy_(start + sign * STEP)
        ends.append(threshold.value().flatten()[0].item())
    threshold.raw.copy_(start)
    return (ends[0] - ends[1]) / (2 * STEP)
