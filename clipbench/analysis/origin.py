"""What made a set of runs: commits, versions, devices; more than one of a kind is worth knowing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from clipbench.analysis.load import UNREADABLE, Run

_PACKAGES = ("clipbench", "torch", "python")
_DIGITS = 8


def origins(runs: Iterable[Run]) -> dict[str, str]:
    """Say by kind what made the runs, the most frequent first, each with its number of runs."""
    counts: dict[str, Counter[str]] = {}
    for run in runs:
        if run.status == UNREADABLE:
            continue
        for kind, word in _words(run).items():
            counts.setdefault(kind, Counter())[word] += 1
    return {kind: _said(counted) for kind, counted in counts.items()}


def _words(run: Run) -> dict[str, str]:
    commit = run.origin.get("commit")
    dirty = " with changes" if run.origin.get("dirty") else ""
    versions = run.origin.get("versions")
    held = versions if isinstance(versions, dict) else {}
    return {
        "commit": f"{str(commit)[:_DIGITS]}{dirty}" if commit else "unknown",
        **{name: str(held.get(name) or "unknown") for name in _PACKAGES},
        "device": str(run.origin.get("device") or "unknown"),
    }


def _said(counted: Counter[str]) -> str:
    if len(counted) == 1:
        return next(iter(counted))
    return ", ".join(
        f"{word} ({count} run{'s' if count > 1 else ''})" for word, count in counted.most_common()
    )
