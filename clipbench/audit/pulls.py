"""What holds or moves a threshold in a run besides its gradient: its domain, and weight decay."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from clipbench.audit.finding import Finding
from clipbench.audit.groups import decay_of
from clipbench.audit.movement import Course
from clipbench.audit.trajectory import Spread, Trajectory
from clipbench.clips.positivity import MAPS
from clipbench.clips.threshold import Threshold

# The journal holds float32, and another device may compute a map's last digit differently.
SAME = 1e-6
# What takes less than a tenth off a threshold in a whole run does not lead it anywhere.
LEAST_SHRINK = 0.1
# From a half on a change is more the decay's doing than the gradient's.
BY_DECAY = 0.5

_AWAY = "start it further inside (clip.init), lower its rate, or choose another clip.positivity"


def at_the_end_of_its_domain(course: Course) -> Finding | None:
    """Convict a threshold held at an end of its domain in all samples; warn if it was in some.

    Per channel, one channel at an end is a hit, and all of them at the same end are held.
    """
    hits = domain_hits(course)
    if course.threshold is None or hits == 0:
        return None
    ends = domain_ends(course.threshold)
    values = [sample.value for sample in course.trajectory.samples]
    if all(_is_held(value, ends) for value in values):
        reason = f"it is held at {values[-1].mean:.4g}, an end of its domain, in all {hits} samples"
        return Finding(course.subject, reason, _AWAY, convicts=True)
    reason = f"it was at an end of its domain in {hits} of {len(values)} samples"
    return Finding(course.subject, reason, _AWAY, convicts=False)


def domain_hits(course: Course) -> int:
    """Count the samples in which the threshold, or a channel of it, was at an end of its domain."""
    if course.threshold is None:
        return 0
    ends = domain_ends(course.threshold)
    return sum(_touches(sample.value, ends) for sample in course.trajectory.samples)


def domain_ends(threshold: Threshold) -> list[float]:
    """Give the effective values at both ends of the domain of a threshold."""
    raw = torch.tensor(threshold.domain, dtype=threshold.raw.dtype)
    ends: list[float] = MAPS[threshold.positivity].value(raw).tolist()
    return ends


def pulled_by_decay(course: Course) -> Finding | None:
    """Convict a decay that nobody asked for, where it explains most of what the threshold did.

    Decay alone multiplies the raw number by ``prod(1 - lr_t * decay)``. Its logarithm is compared
    with that of what the raw number did (per channel, that of the mean); one that grew, barely
    shrank or changed its sign was not led by decay.
    """
    threshold = course.threshold
    decay = None if course.group is None else decay_of(course.group)
    if threshold is None or decay is None or decay == 0.0 or course.wants_decay:
        return None
    alone = _log_shrink(course.trajectory, decay)
    realised = _log_change(threshold, course.trajectory)
    least = math.log1p(-LEAST_SHRINK)
    # Written so that what is not finite acquits.
    if not (alone <= least and realised <= least and alone / realised >= BY_DECAY):
        return None
    return Finding(
        course.subject,
        f"decay pulls it to {_at_zero(threshold):.3g}: it went from "
        f"{course.trajectory.start.mean:.4g} to {course.trajectory.end.mean:.4g}, and decay alone "
        f"takes {-math.expm1(alone):.0%} off its raw number",
        "set optim.threshold_weight_decay=null",
        convicts=True,
    )


def _touches(value: Spread, ends: Sequence[float]) -> bool:
    return any(_is_at(value.least, end) or _is_at(value.greatest, end) for end in ends)


def _is_held(value: Spread, ends: Sequence[float]) -> bool:
    return any(_is_at(value.least, end) and _is_at(value.greatest, end) for end in ends)


def _is_at(value: float, end: float) -> bool:
    return math.isclose(value, end, rel_tol=SAME)


def _log_shrink(trajectory: Trajectory, decay: float) -> float:
    """Give the logarithm of what decay alone leaves; a share above one a step leaves next to none.

    A sample's rate stands for all the steps since the sample before.
    """
    kept = ((max(1.0 - rate * decay, 1e-6), steps) for rate, steps in trajectory.stretches())
    return sum(steps * math.log(share) for share, steps in kept)


def _log_change(threshold: Threshold, trajectory: Trajectory) -> float:
    """Give the logarithm of what a run left of the raw number; zero where that changed its sign."""
    means = torch.tensor([trajectory.start.mean, trajectory.end.mean], dtype=torch.float64)
    start, end = MAPS[threshold.positivity].inverse(means).tolist()
    return math.log(end / start) if start * end > 0.0 else 0.0


def _at_zero(threshold: Threshold) -> float:
    raw = torch.zeros((), dtype=torch.float64).clamp(*threshold.domain)
    return float(MAPS[threshold.positivity].value(raw))
