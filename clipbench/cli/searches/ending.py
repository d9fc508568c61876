"""How a search ended: a table of the clips, the link to each best trial, and what to type next."""

from __future__ import annotations

import os
import shlex
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from clipbench.analysis.metrics import is_share, number
from clipbench.cli.folders import overrides_name
from clipbench.cli.searches.plan import Plan
from clipbench.cli.searches.request import CLIP
from clipbench.cli.searches.study import STATUSES, Outcome, Tried, best
from clipbench.cli.sweeps.child import LOG_FILE

BEST_FOLDER = "best"
FRESH_SEEDS = 10


def link_best(home: Path, clip: str, trials: Sequence[Tried], plan: Plan) -> None:
    """Let ``best/CLIP`` in the home lead to the best trial so far, where there is one."""
    found = best(trials, larger_is_better=plan.budget.larger_is_better)
    if found is None:
        return
    link = home / BEST_FOLDER / overrides_name([clip])
    link.parent.mkdir(exist_ok=True)
    fresh = link.with_name(f".{link.name}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.path.relpath(home / found.folder, link.parent))
    fresh.replace(link)


def table(found: Mapping[str, Sequence[Tried]], plan: Plan) -> str:
    """Return one line a clip: how its trials ended, its best value, and the overrides for it."""
    budget = plan.budget
    width = max(len(CLIP), *(len(clip) for clip in found)) + 2
    heads = "".join(f"{state:>10}" for state in STATUSES)
    measured = f"{budget.metric}, {budget.seeds} seed{'s' if budget.seeds > 1 else ''}"
    lines = [f"{CLIP:<{width}}{heads}  {measured:<24}  best values"]
    for clip, trials in found.items():
        count = Counter(one.outcome.status for one in trials)
        cells = "".join(f"{count[state]:>10}" for state in STATUSES)
        top = best(trials, larger_is_better=budget.larger_is_better)
        value = "none" if top is None else shown(top.outcome, budget.metric)
        words = "" if top is None else " ".join(_plain(top.words))
        lines.append(f"{clip:<{width}}{cells}  {value:<24}  {words}".rstrip())
    return "\n".join(lines)


def shown(outcome: Outcome, metric: str) -> str:
    """Write the mean over seeds, with the standard deviation where there are several.

    >>> shown(Outcome("finished", (0.9, 0.92)), "val/accuracy")
    '91.00 ± 1.41 %'
    >>> shown(Outcome("finished", (0.25,)), "val/loss")
    '0.25'
    """
    spread = f" ± {number(metric, statistics.stdev(outcome.values))}" if outcome.values[1:] else ""
    return f"{number(metric, outcome.mean)}{spread}{' %' if is_share(metric) else ''}"


def without_result(found: Mapping[str, Sequence[Tried]], home: Path) -> list[str]:
    """Name every trial that diverged or failed, with its cause."""
    return [
        f"  {one.outcome.status:<10}{CLIP}={clip} {' '.join(_plain(one.words))}: "
        f"{one.outcome.cause}{f' ({home / one.folder / LOG_FILE})' if one.folder else ''}"
        for clip, trials in found.items()
        for one in trials
        if one.outcome.status in ("diverged", "failed")
    ]


def fresh_line(
    found: Mapping[str, Sequence[Tried]], plan: Plan, home: Path, *, config_dir: str | None
) -> str | None:
    """Return the command that judges the best values of the clips with seeds they have not seen.

    None where no clip has any.
    """
    points = []
    for clip, trials in found.items():
        top = best(trials, larger_is_better=plan.budget.larger_is_better)
        if top is not None:
            values = [f"{key}:{text}" for key, _, text in map(_parted, _plain(top.words))]
            points.append("{" + ",".join([f"{CLIP}:{clip}", *values]) + "}")
    if not points:
        return None
    own = (CLIP, "name", "seed")
    words = [word for word in _plain(plan.request.shared) if word.partition("=")[0] not in own]
    words += [
        f"seed={plan.seed + plan.budget.seeds}",
        f"num_seeds={FRESH_SEEDS}",
        f"name={home.name[:90]}-fresh",
        f"sweep.points=[{','.join(points)}]",
    ]
    flags = [] if config_dir is None else ["--config-dir", config_dir]
    return shlex.join(["clipbench", "train", "-m", *flags, *words])


def _plain(words: Sequence[str]) -> list[str]:
    """Return overrides as a person types them."""
    return [word.removeprefix("++") for word in words]


def _parted(word: str) -> tuple[str, str, str]:
    return word.partition("=")
