"""What a clip costs at a site: time per element forward and backward, and how near it is to a copy.

A clip does little arithmetic, so the memory bounds it: the share of the measured copy bandwidth
says how much a better kernel could still gain. References are torch's own ReLU and Hardtanh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from clipbench.bench.bandwidth import (
    BACKWARD,
    FORWARD,
    copying,
    gigabytes_a_second,
    share_of_copy,
)
from clipbench.bench.compiled import Forward
from clipbench.bench.device_clock import device_clock
from clipbench.bench.measure import Measure, Part, Row, ratios, spread
from clipbench.bench.turns import Clock, in_turns

REFERENCES: dict[str, Callable[[], nn.Module]] = {"nn.ReLU": nn.ReLU, "nn.Hardtanh": nn.Hardtanh}


class Passes(NamedTuple):
    """Seconds of one forward and one backward pass."""

    forward: float
    backward: float


class Subject(NamedTuple):
    """A clip to be measured: what its passes go through, and what learns in it."""

    forward: Forward
    learns: Sequence[nn.Parameter]


def site_input(shape: Sequence[int], *, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return normal inputs of a site, as a model has them: channels last where they are maps."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(*shape, generator=generator).to(device, dtype)
    if x.dim() == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    return x.requires_grad_()


def both_passes(subject: Subject, x: Tensor, gradient: Tensor, *, clock: Clock) -> Passes:
    """Go forward and backward through a clip once.

    Raises:
        RuntimeError: No gradient goes through it.
    """
    started = clock()
    y = subject.forward(x)
    between = clock()
    torch.autograd.grad(y, [x, *subject.learns], gradient, allow_unused=True)
    return Passes(between - started, clock() - between)


def clips_part(
    subjects: Mapping[str, Subject],
    x: Tensor,
    *,
    turns: int,
    compiled: Mapping[str, Forward],
    told: Callable[[], None],
) -> Part:
    """Measure clips in turns with the references and a copy.

    Args:
        subjects: The clips by name.
        x: What they are measured on, from `site_input`.
        turns: How many turns count.
        compiled: Of some of them and of the references, the compiled form.
        told: Called after each run.
    """
    eager = {name: Subject(make(), ()) for name, make in REFERENCES.items()} | dict(subjects)
    clock = device_clock(x.device)
    gradient = torch.ones_like(x)
    runs: dict[str, Callable[[], Passes]] = {
        name: partial(both_passes, one, x, gradient, clock=clock) for name, one in eager.items()
    }
    for name, forward in compiled.items():
        subject = Subject(forward, eager[name].learns)
        runs[f"{name} compiled"] = partial(both_passes, subject, x, gradient, clock=clock)
    copy = copying(x, clock=clock)
    given = in_turns({**runs, "copy": lambda: Passes(copy(), 0.0)}, turns=turns, told=told)
    copied = [passes.forward for passes in given.pop("copy")]
    rows = [_row(name, given, copied, x.numel()) for name in eager]
    moved = [gigabytes_a_second(x, seconds) for seconds in copied]
    copy_row = Row(
        "copy",
        {"forward": _per_element(copied, x.numel()), "bandwidth": Measure("GB/s", tuple(moved))},
    )
    settings: dict[str, str | int] = {
        "shape": "x".join(map(str, x.shape)),
        "dtype": str(x.dtype),
        "turns": turns,
    }
    note = f"a copy of the same tensor moves {spread(moved).median:.3g} GB/s"
    return Part("clips", settings, [copy_row, *rows], [note])


def _row(
    name: str, given: Mapping[str, Sequence[Passes]], copied: Sequence[float], elements: int
) -> Row:
    forward, backward = zip(*given[name], strict=True)
    measures = {
        "forward": _per_element(forward, elements),
        "backward": _per_element(backward, elements),
        "forward share": ratios(copied, forward, unit="of copy", scale=share_of_copy(FORWARD)),
        "backward share": ratios(copied, backward, unit="of copy", scale=share_of_copy(BACKWARD)),
    }
    whole = _whole(given[name])
    for reference in REFERENCES:
        measures[f"to {reference}"] = ratios(whole, _whole(given[reference]))
    if f"{name} compiled" in given:
        forward, backward = zip(*given[f"{name} compiled"], strict=True)
        measures["compiled forward"] = _per_element(forward, elements)
        measures["compiled backward"] = _per_element(backward, elements)
        measures["compiled to eager"] = ratios(_whole(given[f"{name} compiled"]), whole)
    return Row(name, measures)


def _per_element(seconds: Sequence[float], elements: int) -> Measure:
    return Measure("ns/element", tuple(1e9 * one / elements for one in seconds))


def _whole(passes: Sequence[Passes]) -> list[float]:
    return [one.forward + one.backward for one in passes]
