"""Drives a search: trial after trial, the clips in turn, until every clip has its budget."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from clipbench.cli.errors import DONE, INTERRUPTED, SOME_FAILED, TERMINATED
from clipbench.cli.folders import sweep_folder
from clipbench.cli.loader import open_loader
from clipbench.cli.searches.ending import fresh_line, link_best, shown, table, without_result
from clipbench.cli.searches.plan import Plan, make_plan
from clipbench.cli.searches.request import CLIP, Budget
from clipbench.cli.searches.study import ANSWERS, ClipStudy, Tried, best, open_studies
from clipbench.cli.searches.trial import run_trial
from clipbench.cli.stopping import unwinding_on_sigterm
from clipbench.cli.sweeps.attempt import STOP_FILE
from clipbench.records.lock import exclusive
from clipbench.records.reading import RunError
from clipbench.records.sweep_file import SWEEP_FILE

Studies = Mapping[str, ClipStudy]


def search(
    overrides: Sequence[str], budget: Budget, *, name: str | None, config_dir: str | None
) -> int:
    """Tune every clip with the same budget, or go on with it, and return the exit code.

    Raises:
        ConfigError: The search is refused, with all faults.
        Busy: Another process drives this search.
        RunError: The home holds something else.
    """
    with open_loader(config_dir) as loader:
        plan = make_plan(loader, overrides, budget, name=name)
        home = sweep_folder(plan.name)
        if (home / SWEEP_FILE).exists():
            raise RunError(
                "This folder holds a sweep.", where=home, remedy="Choose another --name."
            )
        home.mkdir(parents=True, exist_ok=True)
        with exclusive(home), open_studies(home, plan) as studies:
            (home / STOP_FILE).unlink(missing_ok=True)
            code = _stopped(studies, plan, home)
            found = {clip: list(study.tried().values()) for clip, study in studies.items()}
            _show_end(found, plan, home, config_dir=config_dir)
    return code or _ending(found, plan)


def _stopped(studies: Studies, plan: Plan, home: Path) -> int:
    """Run what is to do; return the code of a stop, else 0."""
    try:
        with unwinding_on_sigterm():
            _run_all(studies, plan, home)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as stop:
        if stop.code != TERMINATED:
            raise
        return TERMINATED
    return DONE


def _run_all(studies: Studies, plan: Plan, home: Path) -> None:
    # The clips take turns, so that their budgets are equal whenever the search is stopped.
    wanted = [(slot, clip) for slot in range(plan.budget.trials) for clip in studies]
    done = {
        (slot, clip)
        for clip, study in studies.items()
        for slot, tried in study.tried().items()
        if tried.outcome.status in ANSWERS
    }
    to_do = [one for one in wanted if one not in done]
    _announce(wanted, to_do, plan, home)
    for slot, clip in to_do:
        started = time.monotonic()
        study = studies[clip]
        trial = study.ask(slot)
        tried = run_trial(trial, study.words(trial), clip=clip, slot=slot, plan=plan, home=home)
        study.tell(trial, tried)
        link_best(home, clip, list(study.tried().values()), plan)
        number = wanted.index((slot, clip)) + 1
        told = _told(tried, plan.budget.metric)
        seconds = time.monotonic() - started
        print(f"[{number}/{len(wanted)}] {CLIP}={clip} {told}  {seconds:.1f} s", file=sys.stderr)
        if tried.outcome.status == "failed" and plan.settings["fail_fast"]:
            return


def _announce(
    wanted: Sequence[tuple[int, str]], to_do: Sequence[tuple[int, str]], plan: Plan, home: Path
) -> None:
    budget = plan.budget
    print(
        f"{', '.join(plan.bases)}: {budget.trials} trials of {budget.seeds} seeds each; "
        f"{len(wanted) - len(to_do)} trials done, {len(to_do)} to do, results in {home}",
        file=sys.stderr,
    )


def _told(tried: Tried, metric: str) -> str:
    words = " ".join(word.removeprefix("++") for word in tried.words)
    outcome = tried.outcome
    if outcome.status == "finished":
        return f"{words}  {metric} {shown(outcome, metric)}"
    return f"{words}  {outcome.status}: {outcome.cause}"


def _show_end(
    found: Mapping[str, Sequence[Tried]], plan: Plan, home: Path, *, config_dir: str | None
) -> None:
    lost = without_result(found, home)
    if lost:
        print(f"\n{len(lost)} trials without a result:", *lost, sep="\n", file=sys.stderr)
    print(f"\n{table(found, plan)}")
    line = fresh_line(found, plan, home, config_dir=config_dir)
    if line is not None:
        print(
            f"\nThese values were chosen by {plan.budget.metric} on these seeds, which flatters "
            f"them; judge the clips with fresh seeds:\n  {line}"
        )


def _ending(found: Mapping[str, Sequence[Tried]], plan: Plan) -> int:
    """Return 1 where a trial failed or a clip has no value at all, else 0."""
    larger = plan.budget.larger_is_better
    failed = any(one.outcome.status == "failed" for trials in found.values() for one in trials)
    without = any(best(trials, larger_is_better=larger) is None for trials in found.values())
    return SOME_FAILED if failed or without else DONE
