"""One trial: its runs in a child process, watched epoch by epoch, and how they ended."""

from __future__ import annotations

import math
from pathlib import Path

from optuna.trial import Trial

from clipbench.cli.errors import ConfigError
from clipbench.cli.searches.plan import Plan
from clipbench.cli.searches.study import Outcome, Tried
from clipbench.cli.sweeps.attempt import run_isolated
from clipbench.cli.sweeps.lost import record_stale, record_stopped
from clipbench.cli.sweeps.plan import RESULTS
from clipbench.records.journal import JOURNAL_FILE
from clipbench.records.run_dir import read_run
from clipbench.records.tail import Tail


class Pruned(Exception):
    """A trial has fallen behind; its text says where."""


class Watch:
    """Reports every epoch of a trial's runs as it appears in the records, seed after seed.

    Each record counts, in its order, however late it is seen; so whether a trial is pruned depends
    on the records and not on the clock, which only decides how much work that saves.
    """

    def __init__(self, trial: Trial, runs: list[Path], *, metric: str, epochs: int) -> None:
        self._trial = trial
        self._tails = [Tail(path / JOURNAL_FILE) for path in runs]
        self._seen = [0] * len(runs)
        self._metric = metric
        self._epochs = epochs

    def __call__(self) -> None:
        """Report what is new.

        Raises:
            Pruned: Other trials did better by this epoch.
        """
        for place, tail in enumerate(self._tails):
            for record in tail.new():
                # A run that was started anew repeats epochs that are reported already.
                if self._metric in record["scalars"] and record["epoch"] == self._seen[place] + 1:
                    self._report(place, record["scalars"][self._metric])
            if self._seen[place] < self._epochs:
                return

    def _report(self, place: int, value: float) -> None:
        self._seen[place] += 1
        self._trial.report(value, place * self._epochs + self._seen[place])
        if self._trial.should_prune():
            raise Pruned(f"behind at epoch {self._seen[place]} of seed {place + 1}")


def run_trial(
    trial: Trial, words: list[str], *, clip: str, slot: int, plan: Plan, home: Path
) -> Tried:
    """Run the seeds of a trial and return how it ended; what they have ended before is kept."""
    try:
        job = plan.job(clip, slot, words)
    except ConfigError as error:
        return Tried(Outcome("failed", cause="; ".join(error.faults)), tuple(words), "")
    epochs = job.config["trainer"]["epochs"]
    runs = [home / place for place in job.runs().values()]
    watch = Watch(trial, runs, metric=plan.budget.metric, epochs=epochs)
    try:
        run_isolated(job, home, settings=plan.settings, watch=watch)
        watch()
        outcome = outcome_of(runs, plan.budget.metric)
    except Pruned as pruned:
        record_stopped(job, home, cause="pruned")
        outcome = Outcome("pruned", cause=str(pruned))
    except BaseException:
        record_stale([job], home)
        raise
    return Tried(outcome, tuple(words), job.folder)


def outcome_of(runs: list[Path], metric: str) -> Outcome:
    """Return what the records of a trial's runs tell: all its seeds, or none."""
    records = [read_run(path) for path in runs]
    for record in records:
        if record["status"] not in RESULTS:
            return Outcome("failed", cause=_first_line(record["cause"] or record["status"]))
    for record in records:
        if record["status"] == "diverged":
            return Outcome("diverged", cause=_first_line(record["cause"] or ""))
    values = tuple(record["results"][metric] for record in records)
    if not all(map(math.isfinite, values)):
        return Outcome("diverged", cause=f"{metric} is not a number at the last epoch")
    return Outcome("finished", values)


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
