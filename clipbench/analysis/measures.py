"""What one run tells of its clip beyond accuracy: control, movement, calm, time.

A measure that the records do not hold is NaN.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from clipbench.analysis.history import History

SPIKE = 3.0
"""A gradient norm of more than so many times the median of those before it is a spike."""
LOOK_BACK = 20
LEAST = 5
_OVER_CHANNELS = ("mean", "min", "max")


def saturation(results: Mapping[str, float], *, part: str) -> float:
    """Give the share of activations at or beyond the clip's own bound, mean of sites.

    Args:
        results: Of one run.
        part: ``test/``, or empty for the validation part.
    """
    return _mean(_under(results, f"{part}saturation/").values())


def peak(results: Mapping[str, float]) -> float:
    """Give the largest test output over the 99.9 % quantile of outputs, both sizes, mean of sites.

    A site whose quantile is zero has no ratio.
    """
    sizes = _under(results, "test/output_quantile/")
    sites = [tag.removesuffix("/max") for tag in sizes if tag.endswith("/max")]
    pairs = [(sizes[f"{site}/max"], sizes.get(f"{site}/q999", math.nan)) for site in sites]
    return _mean(largest / most for largest, most in pairs if most > 0)


def movement(results: Mapping[str, float], history: History) -> float:
    """Give the median over thresholds of |end - start| / |start|; of channels, of their mean.

    A threshold that starts at zero, or is set only after training, has none.
    """
    moved = [
        abs(end - start) / abs(start)
        for tag, end in end_of_thresholds(results).items()
        for start in history.values(tag)[:1]
        if start != 0 and math.isfinite(start) and math.isfinite(end)
    ]
    return float(statistics.median(moved)) if moved else math.nan


def spread(results: Mapping[str, float]) -> float:
    """Give how far the sites' thresholds lie apart at the end: their range over their mean size.

    Of several thresholds a site (``lower``, ``upper``), the mean of it.
    """
    by_name: dict[str, list[float]] = {}
    for tag, value in end_of_thresholds(results).items():
        by_name.setdefault(name_of(tag), []).append(value)
    several = [values for values in by_name.values() if len(values) > 1]
    ranges = [(max(values) - min(values), statistics.fmean(map(abs, values))) for values in several]
    return _mean(width / size for width, size in ranges if size > 0)


def spikes(history: History) -> float:
    """Give the share of sampled steps whose gradient norm is a spike.

    A spike exceeds `SPIKE` times the median of the up to `LOOK_BACK` samples before it; the first
    `LEAST` samples are not judged.
    """
    norms = history.values("grad_norm/total").tolist()
    before = (norms[max(0, place - LOOK_BACK) : place] for place in range(LEAST, len(norms)))
    usual = [statistics.median(window) for window in before]
    judged = zip(norms[LEAST:], usual, strict=len(norms) >= LEAST)
    return _mean(float(norm > SPIKE * size) for norm, size in judged)


def epoch_seconds(history: History) -> float:
    """Give the median over epochs of the seconds of training in one."""
    seconds = history.values("seconds/train")
    return float(np.median(seconds)) if len(seconds) > 0 else math.nan


def end_of_thresholds(results: Mapping[str, float]) -> dict[str, float]:
    """Give the last value of each threshold by its tag; of one a channel, the mean."""
    return {
        tag: value
        for tag, value in _under(results, "threshold/").items()
        if not tag.endswith(("/min", "/max"))
    }


def name_of(tag: str) -> str:
    """Name the threshold in a tag.

    >>> name_of("threshold/conv1/upper"), name_of("threshold/conv1/upper/mean")
    ('upper', 'upper')
    """
    parts = tag.split("/")
    return parts[-2] if parts[-1] in _OVER_CHANNELS else parts[-1]


def _under(results: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {tag: value for tag, value in results.items() if tag.startswith(prefix)}


def _mean(values: Iterable[float]) -> float:
    held = list(_finite(values))
    return statistics.fmean(held) if held else math.nan


def _finite(values: Iterable[float]) -> Iterator[float]:
    return (value for value in values if math.isfinite(value))
