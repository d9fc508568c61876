"""The study of a clip: Optuna's record of its trials, and which of them are still to do.

The studies lie in one sqlite file. Its transactions are whole or undone whenever their process is
killed, and leave no lock behind; Optuna's journal on a plain file, the other storage that needs no
server, guards itself by a link that a killed process leaves, and that the next start waits out.

Trials have slots, 0 to N - 1. What is sampled for a slot follows from the seed, the slot and the
trials before it alone, so a search that was stopped goes on as if it had not been. A slot whose
trial was lost or failed is tried again with the same values, and its budget is spent once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, cast, get_args

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.exceptions import OptunaError
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from clipbench.cli.searches.plan import Plan
from clipbench.records.config_hash import changed_keys
from clipbench.records.json_text import spell
from clipbench.records.reading import RunError

STUDY_FILE = "study.db"
RANDOM_TRIALS = 5
"""Trials drawn at random before the sampler learns: half of the usual budget."""

Status = Literal["finished", "pruned", "diverged", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)
_NAMED_KEYS = 6
_SLOT, _ENDED = "slot", "ended"
ANSWERS = ("finished", "pruned", "diverged")
"""How a trial that need not be tried again has ended."""
# A diverged trial is told as pruned. The sampler takes that for worse than any finished one and
# looks elsewhere; a failed one it would forget, and go on where networks diverge. And no number is
# made up that could be mistaken for a measured one.
_TOLD = {
    "finished": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "diverged": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        status: In a word.
        values: The metric of each seed at its last epoch; none unless it is finished.
        cause: Why it is not finished.
    """

    status: Status
    values: tuple[float, ...] = ()
    cause: str = ""

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return fmean(self.values)


@dataclass(frozen=True)
class Tried:
    """A trial that has ended.

    Attributes:
        outcome: How.
        words: The overrides that set its values.
        folder: Where its runs lie, below the home.
    """

    outcome: Outcome
    words: tuple[str, ...]
    folder: str


class ClipStudy:
    """The trials of one clip."""

    def __init__(self, study: optuna.Study, plan: Plan) -> None:
        self._study = study
        self._plan = plan
        self._space: dict[str, BaseDistribution] = {
            one.key: one.distribution for one in plan.request.space
        }
        for trial in study.get_trials(states=[TrialState.RUNNING]):
            self._settle(trial)

    def tried(self) -> dict[int, Tried]:
        """Return the trial of each slot that has ended; the last one where there are several."""
        latest = sorted(self._latest().items())
        return {slot: _tried(trial) for slot, trial in latest if _ENDED in trial.user_attrs}

    def ask(self, slot: int) -> Trial:
        """Begin the trial of a slot: with new values, or those of an earlier try."""
        earlier = self._latest().get(slot)
        if earlier is not None and earlier.state.is_finished():
            self._study.enqueue_trial(earlier.params, user_attrs={_SLOT: slot})
        words = [self._plan.seed, slot]
        seed = int(np.random.SeedSequence(words).generate_state(1)[0])
        self._study.sampler = TPESampler(seed=seed, n_startup_trials=RANDOM_TRIALS)
        trial = self._study.ask(self._space)
        trial.set_user_attr(_SLOT, slot)
        return trial

    def words(self, trial: Trial) -> list[str]:
        """Return the overrides that set what was sampled for a trial."""
        return [f"{one.head}={one.text(trial.params[one.key])}" for one in self._plan.request.space]

    def tell(self, trial: Trial, tried: Tried) -> None:
        """End a trial."""
        trial.set_user_attr(_ENDED, asdict(tried))
        self._tell(trial.number, tried.outcome)

    def _tell(self, number: int, outcome: Outcome) -> None:
        value = outcome.mean if outcome.status == "finished" else None
        self._study.tell(number, value, state=_TOLD[outcome.status])

    def _settle(self, trial: FrozenTrial) -> None:
        """End a trial whose search has gone: as lost, unless all but the last word was written."""
        known = _ENDED in trial.user_attrs
        self._tell(trial.number, _tried(trial).outcome if known else Outcome("failed"))

    def _latest(self) -> dict[int, FrozenTrial]:
        """Return the last trial of each slot, begun or waiting; not one lost before its values."""
        trials = [
            trial
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state == TrialState.WAITING or trial.params.keys() == self._space.keys()
        ]
        return {trial.user_attrs[_SLOT]: trial for trial in trials if _SLOT in trial.user_attrs}


@contextmanager
def open_studies(home: Path, plan: Plan) -> Iterator[dict[str, ClipStudy]]:
    """Give the study of every clip, made where it is missing.

    Raises:
        RunError: The file is of another search, or cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    file = home / STUDY_FILE
    try:
        storage = RDBStorage(f"sqlite:///{file}")
    except (SQLAlchemyError, OptunaError, RuntimeError) as error:  # the last: of another version
        raise _unusable(file, error) from error
    try:
        yield {clip: ClipStudy(_opened(storage, clip, plan, home), plan) for clip in plan.bases}
    except (SQLAlchemyError, OptunaError) as error:
        raise _unusable(file, error) from error
    finally:
        storage.engine.dispose()


def _opened(storage: RDBStorage, clip: str, plan: Plan, home: Path) -> optuna.Study:
    study = optuna.create_study(
        storage=storage,
        study_name=clip,
        direction="maximize" if plan.budget.larger_is_better else "minimize",
        pruner=_pruner(plan),
        load_if_exists=True,
    )
    asked = _identity(plan, clip)
    held = study.user_attrs.get("search", asked)
    changed = changed_keys(held, asked)
    if changed:
        named = ", ".join(changed[:_NAMED_KEYS]) + (", …" if len(changed) > _NAMED_KEYS else "")
        raise RunError(
            f"The study of clip={clip} is of another search; it differs in: {named}.",
            where=home,
            remedy="Type the search as before, or choose another --name.",
        )
    study.set_user_attr("search", asked)
    return study


def _identity(plan: Plan, clip: str) -> dict[str, Any]:
    """Return all that two searches must share for their trials to be of one study."""
    config = cast(dict[str, Any], spell(plan.bases[clip]))
    return config | {
        "--seeds": plan.budget.seeds,
        "--metric": plan.budget.metric,
        "--no-pruning": not plan.budget.pruning,
        "range": {one.key: distribution_to_json(one.distribution) for one in plan.request.space},
    }


def _unusable(file: Path, error: Exception) -> RunError:
    return RunError(
        f"The studies of the search cannot be used: {str(error).splitlines()[0]}.",
        where=file,
        remedy="Free the disk, or move the file away: what has run is found by its records.",
    )


def _pruner(plan: Plan) -> BasePruner:
    # The first epochs tell little of where a rate that falls with a schedule will lead.
    epochs = next(iter(plan.bases.values()))["trainer"]["epochs"]
    return MedianPruner(n_warmup_steps=epochs // 4) if plan.budget.pruning else NopPruner()


def _tried(trial: FrozenTrial) -> Tried:
    held = trial.user_attrs[_ENDED]
    told = held["outcome"]
    outcome = Outcome(told["status"], tuple(told["values"]), told["cause"])
    return Tried(outcome, tuple(held["words"]), held["folder"])


def best(trials: Sequence[Tried], *, larger_is_better: bool) -> Tried | None:
    """Return the finished trial with the best mean over seeds, of equal ones the first, or None."""
    finished = [one for one in trials if one.outcome.status == "finished"]
    sign = -1 if larger_is_better else 1
    return min(finished, key=lambda one: sign * one.outcome.mean, default=None)
