"""Whether a threshold could move in a run and did: rules on what the journal holds of it.

Each rule looks for one thing and gives a finding or None. A ``Course`` is what they look at.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from torch import nn

from clipbench.audit.finding import Finding
from clipbench.audit.groups import Group, momentum_gain, steps_by_rate
from clipbench.audit.resolution import least_step
from clipbench.audit.trajectory import Trajectory
from clipbench.clips.threshold import Threshold

# Of a batch of a hundred images at a hundred units this is a single element.
NARROW_WINDOW = 1e-4
# A threshold without a gradient for the second half of a run is not being trained any more.
LONG_STREAK = 0.5
# Adam takes a step of about the rate; a thousandth of the way it could go is noise or a standstill.
LITTLE_MOVEMENT = 1e-3


@dataclass(frozen=True)
class Course:
    """One learned threshold in a run.

    Attributes:
        subject: ``site/name``.
        trajectory: what the journal holds of it.
        parameter: what the optimizer moves.
        group: the optimizer's group that holds it; None where none does.
        threshold: the owner of the parameter, where that is the project's own class.
        wants_decay: whether its clip's class asks for the decay of the weights.
    """

    subject: str
    trajectory: Trajectory
    parameter: nn.Parameter
    group: Group | None
    threshold: Threshold | None
    wants_decay: bool


def no_gradient(course: Course) -> Finding | None:
    """Convict a threshold that no sample has a gradient of: the journal tells none from zero."""
    samples = len(course.trajectory.samples)
    if len(course.trajectory.gradients()) > 0:
        return None
    return Finding(
        course.subject,
        f"no gradient reaches it (none in {samples} samples)",
        "let it enter the output by arithmetic: a comparison, round or sign passes no gradient on",
        convicts=True,
    )


def zero_gradients(course: Course) -> Finding | None:
    """Convict gradients that are all exactly zero; warn of a run that ends in a long row of them.

    Where the gradient window was measured and empty, the reason says so.
    """
    zero = [gradient == 0.0 for gradient in course.trajectory.gradients()]
    rows = _rows_of_zeros(course)
    if not rows:
        return None
    if all(zero):
        empty = ", its gradient window empty" if course.trajectory.window == 0.0 else ""
        return Finding(
            course.subject,
            f"its gradient was zero in all {len(zero)} samples{empty}",
            "start it where the inputs are (clip.init=percentile:99 where data rules are allowed)",
            convicts=True,
        )
    if not zero[-1] or rows[-1] <= LONG_STREAK * len(zero):
        return None
    return Finding(
        course.subject,
        f"its gradient was zero in the last {rows[-1]} of {len(zero)} samples",
        "see what it left behind: a lower rate (optim.threshold_lr_scale) or another init",
        convicts=False,
    )


def longest_zeros(course: Course) -> int:
    """Give the number of samples in the longest row of gradients that are exactly zero."""
    return max(_rows_of_zeros(course), default=0)


def narrow_window(course: Course) -> Finding | None:
    """Warn where next to no element gave a gradient at the end, though some did before."""
    window = course.trajectory.window
    ever = any(gradient != 0.0 for gradient in course.trajectory.gradients())
    if window is None or window >= NARROW_WINDOW or not ever:
        return None
    return Finding(
        course.subject,
        f"at the end {100 * window:.2g} % of the elements gave it a gradient",
        "widen the window (bandwidth, temperature), or start nearer to the inputs",
        convicts=False,
    )


def lost_steps(course: Course) -> Finding | None:
    """Convict a standstill under steps that scale with the gradient and are all lost in the dtype.

    Momentum makes a lasting gradient's step larger, which is counted in.
    """
    gradients = course.trajectory.gradients()
    pushed = any(gradient != 0.0 for gradient in gradients)
    if course.group is None or steps_by_rate(course.group):
        return None
    if not pushed or not never_moved(course.trajectory):
        return None
    samples = [sample for sample in course.trajectory.samples if sample.gradient is not None]
    pushes = (sample.rate * size for sample, size in zip(samples, gradients, strict=True))
    largest = max(pushes) * momentum_gain(course.group)
    least = float(least_step(course.parameter).min())
    if not largest < least:
        return None
    dtype = str(course.parameter.dtype).removeprefix("torch.")
    return Finding(
        course.subject,
        f"its largest step, {largest:.2g}, is lost in {dtype}, which needs {least:.2g}",
        "raise its rate (optim.threshold_lr_scale)",
        convicts=True,
    )


def little_movement(course: Course) -> Finding | None:
    """Warn of a threshold that went a small part of the way its rates allow."""
    went, budget = distance(course.trajectory), course.trajectory.budget()
    if went == 0.0 or not went < LITTLE_MOVEMENT * budget:
        return None
    return Finding(
        course.subject,
        f"it moved by {went:.2g}, of {budget:.2g} that its rates allow",
        "see its gradient (threshold_grad in the journal) and raise optim.threshold_lr_scale",
        convicts=False,
    )


def distance(trajectory: Trajectory) -> float:
    """Give how far the ends of a run lie apart: the most of mean, least and greatest channel."""
    pairs = zip(trajectory.start, trajectory.end, strict=True)
    return max(abs(after - before) for before, after in pairs)


def never_moved(trajectory: Trajectory) -> bool:
    """Tell whether every sample is exactly the first value."""
    return all(sample.value == trajectory.start for sample in trajectory.samples)


def unexplained(course: Course) -> Finding:
    """Convict a threshold that never moved although no rule says why."""
    return Finding(
        course.subject,
        f"it stood at {course.trajectory.start.mean:.4g} through "
        f"{course.trajectory.samples[-1].step} steps, though it has a gradient and a rate",
        "see what the gradient clip and the clip's own project() do to it",
        convicts=True,
    )


def _rows_of_zeros(course: Course) -> list[int]:
    zero = [gradient == 0.0 for gradient in course.trajectory.gradients()]
    return [len(list(row)) for is_zero, row in groupby(zero) if is_zero]
