"""How each configuration looks in every figure: one colour a clip, one marker a configuration.

The colours stay apart for the three kinds of colour blindness and stand out from white paper; the
reference is dark grey. Where there are more clips than colours, colours come back with another
marker, so that the pair is always one configuration's alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

REFERENCE = "#222222"
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#8C1FF9", "#7C2C03", "#EF0654", "#041E9F", "#6C136C",
)  # fmt: skip
MARKERS = "osD^vPX*<>"


@dataclass(frozen=True)
class Look:
    """A colour as ``#rrggbb`` and a marker as matplotlib names it."""

    colour: str
    marker: str


def looks(configurations: Iterable[tuple[str, str]], *, reference: str) -> dict[str, Look]:
    """Choose the look of each configuration.

    Args:
        configurations: Label and clip of each, in the order of the tables; a label that comes again
            keeps its look.
        reference: The clip that is dark grey.
    """
    colours = {reference: REFERENCE}
    used: dict[str, int] = {}
    chosen: dict[str, Look] = {}
    for label, clip in configurations:
        if label in chosen:
            continue
        colour = colours.setdefault(clip, COLOURS[(len(colours) - 1) % len(COLOURS)])
        chosen[label] = Look(colour, MARKERS[used.get(colour, 0) % len(MARKERS)])
        used[colour] = used.get(colour, 0) + 1
    return chosen
