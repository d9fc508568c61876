"""The tags of thresholds: ``threshold/<site>/<name>``, and one part more for channels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# A threshold of these names stands on the axis of the activations; slopes and scales do not.
# Beside it are the quantiles of the inputs among which one looks for it.
INPUTS_BESIDE = {"upper": ("q50", "q99"), "lower": ("q01", "q50"), "center": ("q01", "q99")}

_TAG = re.compile(r"threshold/(?P<site>[^/]*)/(?P<name>[^/]+)(?:/(?P<part>mean|min|max))?")


class ThresholdTag(NamedTuple):
    """What a tag says.

    Attributes:
        site: The site.
        name: ``upper``, ``lower``, ``slope`` …
        part: ``mean``, ``min`` or ``max`` over the channels; None for the number of a layer.
    """

    site: str
    name: str
    part: str | None


def take_apart(tag: str) -> ThresholdTag | None:
    """Take a tag apart; None if it is not that of a threshold.

    >>> take_apart("threshold/conv1/upper/mean")
    ThresholdTag(site='conv1', name='upper', part='mean')
    """
    found = _TAG.fullmatch(tag)
    return None if found is None else ThresholdTag(**found.groupdict())


def typical(tag: str) -> bool:
    """Tell whether a tag stands for a whole threshold: a layer's number or its channels' mean."""
    found = take_apart(tag)
    return found is not None and found.part in (None, "mean")


def among_inputs(tag: str) -> str | None:
    """Return the tag under which a threshold is shown once an epoch, at the steps of its inputs.

    TensorBoard draws a value between two others only where all three have the same steps.

    Returns:
        None for what does not stand for a whole threshold on the axis of the activations.
    """
    found = take_apart(tag) if typical(tag) else None
    if found is None or found.name not in INPUTS_BESIDE:
        return None
    return f"threshold_by_epoch/{found.site}/{found.name}"


def movement(start: Mapping[str, float], end: Mapping[str, float]) -> float | None:
    """Give how far the thresholds of a run moved from start to end, the mean over thresholds.

    One with a value a channel counts as far as the most of its mean, least and greatest moved.

    Args:
        start: Scalars by tag; those of other things are passed over.
        end: The same.

    Returns:
        None if no threshold is in both.
    """
    moved: dict[tuple[str, str], float] = {}
    for tag in start.keys() & end.keys():
        found = take_apart(tag)
        if found is not None:
            place, distance = (found.site, found.name), abs(end[tag] - start[tag])
            moved[place] = max(moved.get(place, 0.0), distance)
    return sum(moved.values()) / len(moved) if moved else None


def first_values(samples: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the first value of every threshold tag among the scalars of records."""
    first: dict[str, float] = {}
    for scalars in samples:
        for tag, value in scalars.items():
            if tag not in first and take_apart(tag) is not None:
                first[tag] = value
    return first
