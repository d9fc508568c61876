"""One sentence for one row of a comparison: what is known, how sure, and what would settle it."""

from __future__ import annotations

from collections.abc import Sequence

from clipbench.analysis.comparison import Comparison, Row
from clipbench.analysis.metrics import amount, number, word
from clipbench.analysis.power import ALPHA, MOST_SEEDS

MOST_NAMED = 6


def verdict(row: Row, comparison: Comparison) -> str:
    """Say in one sentence how a configuration stands to the reference.

    A difference is stated where Holm's p is at most 5 %, with the 95 % interval of the paired
    differences. Seeds that are missing on either side are named at the end.
    """
    sentence = _finding(row, comparison.metric, comparison.reference.label, len(comparison.rows))
    left_out = _left_out(row.pairs.missing)
    return f"{sentence}; {left_out}" if left_out else sentence


def _finding(row: Row, tag: str, reference: str, family: int) -> str:
    mean, n = row.difference.mean, row.difference.n
    if n == 0:
        return f"no seed in common with {reference}, so nothing to compare"
    if n == 1:
        return f"{_apart(tag, mean, reference)} on the one shared seed, which shows no noise"
    if row.difference.sd == 0:
        return f"{_apart(tag, mean, reference)} on each of {n} seeds, without variation to test"
    if row.holm_p <= ALPHA:
        # Both ends lie on the mean's side of zero here: their sizes are those of the difference.
        low, high = sorted([abs(row.difference.low), abs(row.difference.high)])
        return f"{_apart(tag, mean, reference)} [{number(tag, low)}, {number(tag, high)}]"
    corrected = f" after correction for {family} comparisons" if row.p <= ALPHA else ""
    return f"not distinguishable from {reference} at n={n}{corrected}; {_outlook(row, tag)}"


def _apart(tag: str, mean: float, reference: str) -> str:
    if mean == 0:
        return f"equal to {reference}"
    return f"{word(tag, mean)} than {reference} by {amount(tag, abs(mean))}"


def _outlook(row: Row, tag: str) -> str:
    asked = amount(tag, row.settle)
    if row.settle == 0:
        return f"it takes {amount(tag, row.detectable)} to show at this n"
    if row.seeds_needed is None:
        return f"{MOST_SEEDS} seeds would not settle {asked}"
    more = row.seeds_needed - row.difference.n
    if more <= 0:
        return f"{asked} would probably have shown"
    return f"about {more} more seed{'s' if more > 1 else ''} would settle {asked}"


def _left_out(missing: dict[int, str]) -> str:
    if not missing:
        return ""
    seeds: Sequence[str] = [str(seed) for seed in missing]
    named = ", ".join(seeds[:MOST_NAMED])
    rest = f" and {len(seeds) - MOST_NAMED} more" if len(seeds) > MOST_NAMED else ""
    return f"without seed{'s' if len(seeds) > 1 else ''} {named}{rest}"
