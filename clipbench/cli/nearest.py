"""The nearest right word to a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return a hint that names the nearest of the choices, or all of them when none is near."""
    known = sorted(choices)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"choose from {', '.join(known)}" if known else "it takes none"
