"""The link that opens TensorBoard on the answer instead of on a wall of curves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from clipbench.analysis.load import Run
from clipbench.records.journal import JOURNAL_FILE, MAX_LINE
from clipbench.records.json_text import parse
from clipbench.records.reading import RunError, open_regular
from clipbench.records.threshold_tags import typical

FIRST_PINS = ("val/accuracy", "sparsity/mean")
MOST_THRESHOLDS = 4

# Captures where a run stands, and its configuration: so the seeds of one, and the mean over them,
# share a color.
COLOR_OF = r"^(.*?)(?:_summary/)?([^/]+?)(?:/seed=\d+)?$"

CHARTS = "custom_scalars&_smoothingWeight=0"
MEANS = f"{CHARTS}&regexInput=_summary"


def curves_link(address: str, tags: Iterable[str], *, names: Sequence[str]) -> str:
    """Return the link to the curves, with those of some tags pinned on top.

    Args:
        address: Of the server, without a slash at the end.
        tags: Of scalars.
        names: What the runs are called.
    """
    cards = [{"plugin": "scalars", "tag": tag} for tag in tags]
    query = {
        "pinnedCards": json.dumps(cards, separators=(",", ":")),
        "runColorGroup": f"regex:{COLOR_OF}",
        "smoothing": "0",
    }
    if by_seeds(names):
        query["runFilter"] = "seed="  # without the means
    joined = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
    return f"{address}/?{joined}#timeseries"


def charts_link(address: str, *, names: Sequence[str]) -> str:
    """Return the link to the composed charts: of the means alone where there are means."""
    return f"{address}/#{MEANS if by_seeds(names) else CHARTS}"


def by_seeds(names: Sequence[str]) -> bool:
    """Tell whether all runs are seeds of configurations, which have means beside them."""
    return len(names) > 0 and all("/seed=" in name for name in names)


def pins(runs: Sequence[Run]) -> list[str]:
    """Choose the tags to pin: accuracy, sparsity, and thresholds that many of the runs have.

    Of more than `MOST_THRESHOLDS` some are taken evenly from first to last, as layers follow each
    other.
    """
    counts = Counter(tag for run in runs for tag in _threshold_tags(run))
    most = max(counts.values(), default=0)
    common = [tag for tag, count in counts.items() if count == most]
    others = [tag for tag, _ in counts.most_common() if tag not in common]
    if len(common) > MOST_THRESHOLDS:
        ends = len(common) - 1
        places = [round(k * ends / (MOST_THRESHOLDS - 1)) for k in range(MOST_THRESHOLDS)]
        common = [common[place] for place in places]
    return [*FIRST_PINS, *[*common, *others][:MOST_THRESHOLDS]]


def _threshold_tags(run: Run) -> list[str]:
    """Return the thresholds of a run, from its results or its first record."""
    return [tag for tag in run.results or _first_tags(run) if typical(tag)]


def _first_tags(run: Run) -> list[str]:
    try:
        with open_regular(run.path / JOURNAL_FILE) as file:
            record = parse(file.readline(MAX_LINE))
    except (RunError, ValueError, RecursionError):
        return []
    scalars = record.get("scalars") if isinstance(record, dict) else None
    return list(scalars) if isinstance(scalars, dict) else []
