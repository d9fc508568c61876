"""One searched key: a range or list as it is typed for Hydra, and as Optuna samples it.

A list is sampled by the text of its items, so that anything that can be typed can be searched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Sweep
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

_DIGITS = 6
_LOG = "log"


@dataclass(frozen=True)
class Parameter:
    """A key with what it may be.

    Attributes:
        key: As it was typed, without a plus sign: ``optim.lr``.
        head: What stands before the equals sign in an override that Hydra accepts.
        distribution: What Optuna samples from.
        texts: What has to be checked: every item of a list, both ends of a range.
    """

    key: str
    head: str
    distribution: BaseDistribution
    texts: tuple[str, ...]

    def text(self, value: object) -> str:
        """Return a sampled value as it would be typed: a number with six digits, in its range."""
        limits = self.distribution
        if isinstance(limits, FloatDistribution) and isinstance(value, float):
            rounded = float(f"{value:.{_DIGITS}g}")
            return str(min(max(rounded, limits.low), limits.high))
        return str(value)


def read_parameter(word: Override) -> Parameter:
    """Read the range or list of an override that has one.

    Raises:
        ValueError: Nothing can be sampled from it; the text says why.
    """
    sweep = word.value()
    assert isinstance(sweep, Sweep)
    unknown = sorted(sweep.tags - {_LOG})
    if unknown:
        raise ValueError(f"there is no tag '{unknown[0]}'; the only one is '{_LOG}'")
    head = (word.input_line or "").partition("=")[0]
    distribution, texts = _sampled(word, sweep, log=_LOG in sweep.tags)
    return Parameter(word.key_or_group, head, distribution, tuple(dict.fromkeys(texts)))


def _sampled(word: Override, sweep: Sweep, *, log: bool) -> tuple[BaseDistribution, Sequence[str]]:
    if isinstance(sweep, IntervalSweep):
        assert sweep.start is not None
        assert sweep.end is not None
        return _between(sweep.start, sweep.end, log=log)
    if getattr(sweep, "shuffle", False):
        raise ValueError("a search chooses its own order; leave 'shuffle' out")
    if isinstance(sweep, RangeSweep):
        values = sweep.range()
        numbers = values if isinstance(values, range) else list(values)
        if len(numbers) == 0:
            raise ValueError("the range is empty")
        low, high = sorted((numbers[0], numbers[-1]))
        return _between(low, high, log=log, step=abs(sweep.step))
    if log:
        raise ValueError(f"the tag '{_LOG}' is for intervals and ranges, not for lists")
    texts = list(dict.fromkeys(word.sweep_string_iterator()))
    if not texts:
        raise ValueError("the list is empty")
    return CategoricalDistribution(texts), texts


def _between(
    low: float, high: float, *, log: bool, step: float | None = None
) -> tuple[BaseDistribution, Sequence[str]]:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"a range needs finite ends, got {low} and {high}")
    if isinstance(low, int) and isinstance(high, int):
        whole = 1 if step is None else int(step)
        return IntDistribution(low, high, log=log, step=whole), (str(low), str(high))
    return FloatDistribution(low, high, log=log, step=step), (str(low), str(high))
