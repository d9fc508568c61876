"""Whether the thresholds of a finished run learned: its optimizer, rebuilt, and its journal.

Findings come threshold by threshold; of one threshold, those that convict come first, and the first
of them is the best reason known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch.optim import Optimizer

from clipbench.audit.finding import Finding, convicted
from clipbench.audit.groups import Group, group_of, rate_of
from clipbench.audit.movement import (
    Course,
    little_movement,
    lost_steps,
    narrow_window,
    never_moved,
    no_gradient,
    unexplained,
    zero_gradients,
)
from clipbench.audit.pulls import at_the_end_of_its_domain, pulled_by_decay
from clipbench.audit.rebuilt import RebuiltRun, rebuild
from clipbench.audit.training import audit_training
from clipbench.audit.trajectory import trajectory_of
from clipbench.clips.base import sites
from clipbench.clips.threshold import Threshold
from clipbench.training.telemetry import parameter_of

# In the order in which they explain a threshold that stood still.
RULES: Sequence[Callable[[Course], Finding | None]] = (
    no_gradient,
    zero_gradients,
    narrow_window,
    lost_steps,
    at_the_end_of_its_domain,
    pulled_by_decay,
    little_movement,
)


@dataclass(frozen=True)
class RunReport:
    """What an audit found about a run.

    Attributes:
        courses: how each learned threshold fared.
        untraced: what else the clips learn, by ``site/name``, and the optimizer's group of it.
        findings: what is amiss.
    """

    courses: Sequence[Course]
    untraced: Mapping[str, Group | None]
    findings: Sequence[Finding]


def report_on(folder: Path, *, trust: Sequence[str] = ()) -> RunReport:
    """Tell how the learned thresholds of a run fared, with the findings of `audit_run`.

    Raises:
        RunError: as `audit_run` does.
    """
    run = rebuild(folder, trust=trust)
    courses = list(_courses(run))
    return RunReport(courses, dict(_untraced(run, courses)), _findings(run))


def audit_run(folder: Path, *, trust: Sequence[str] = ()) -> list[Finding]:
    """Find what kept the thresholds of a run from learning, and what may have.

    A run without a checkpoint is judged by its journal and the model its configuration describes.
    A run whose clips learn nothing gives no finding.

    Args:
        folder: the run directory.
        trust: packages besides clipbench whose classes the run may name.

    Raises:
        RunError: the directory holds no readable run, its journal has no training step, or its
            configuration gives no model or no optimizer.
    """
    return list(report_on(folder, trust=trust).findings)


def why_still(folder: Path, *, trust: Sequence[str] = ()) -> dict[str, str]:
    """Give for each threshold of a run, as ``site/name``, the best reason not to move there is.

    A threshold that can learn is left out.

    Raises:
        RunError: as `audit_run` does.
    """
    run = rebuild(folder, trust=trust)
    reasons = {
        f"{site}/{name}": "nothing learns it"
        for site, clip in sites(run.model).items()
        for name, value in clip.thresholds().items()
        if not value.requires_grad
    }
    for finding in _findings(run):
        if finding.convicts:
            reasons.setdefault(finding.subject, finding.reason)
    return reasons


def _findings(run: RebuiltRun) -> list[Finding]:
    findings = audit_training(run.model, run.optimizer, penalised=run.penalised)
    for course in _courses(run):
        found = [finding for rule in RULES if (finding := rule(course)) is not None]
        known = convicted(f for f in [*findings, *found] if f.subject == course.subject)
        if never_moved(course.trajectory) and not known:
            found.append(unexplained(course))
        findings += found
    findings += _unrecorded(run, known={finding.subject for finding in findings})
    places = {finding.subject: place for place, finding in reversed([*enumerate(findings)])}
    return sorted(findings, key=lambda f: (places[f.subject], not f.convicts))


def _courses(run: RebuiltRun) -> Iterator[Course]:
    """Yield the learned thresholds that the journal knows."""
    for site, clip in sites(run.model).items():
        for name in clip.thresholds():
            parameter, owner = parameter_of(clip, name), getattr(clip, name, None)
            if parameter is None or not parameter.requires_grad:
                continue
            subject, group = f"{site}/{name}", group_of(run.optimizer, parameter)
            scale = _relative_rate(run.optimizer, group)
            trajectory = trajectory_of(run.records, subject=subject, rate_scale=scale)
            if trajectory is not None:
                yield Course(
                    subject=subject,
                    trajectory=trajectory,
                    parameter=parameter,
                    group=group,
                    threshold=owner if isinstance(owner, Threshold) else None,
                    wants_decay=clip.threshold_decay == "weights",
                )


def _untraced(run: RebuiltRun, courses: Sequence[Course]) -> Iterator[tuple[str, Group | None]]:
    """Yield the learned parameters of clips that are behind none of these thresholds."""
    traced = {id(course.parameter) for course in courses}
    for site, clip in sites(run.model).items():
        for name, parameter in clip.named_parameters():
            if parameter.requires_grad and id(parameter) not in traced:
                subject = f"{site}/{name.removesuffix('.raw')}"
                yield subject, group_of(run.optimizer, parameter)


def _relative_rate(optimizer: Optimizer, group: Group | None) -> float:
    """Give a group's rate as a multiple of that of the first, which is the one recorded."""
    recorded = rate_of(optimizer.param_groups[0])
    return 0.0 if group is None or recorded == 0.0 else rate_of(group) / recorded


def _unrecorded(run: RebuiltRun, *, known: set[str]) -> Iterator[Finding]:
    """Warn of learned thresholds whose gradient no record can hold."""
    for site, clip in sites(run.model).items():
        for name, value in clip.thresholds().items():
            subject = f"{site}/{name}"
            if value.requires_grad and parameter_of(clip, name) is None and subject not in known:
                yield Finding(
                    subject,
                    f"its gradient is not recorded: {type(clip).__name__} has no parameter as its "
                    f"attribute {name}",
                    "keep the parameter, or the Threshold that owns it, under the threshold's name",
                    convicts=False,
                )
