"""From runs to verdicts: every configuration against one reference, on shared seeds.

The verdict is the paired t-test with Holm's correction over the family, beside its t-interval. The
family is all configurations but the reference within one block: the same data, and whatever else
the caller holds apart. The metric is a tag of the final results of one run at its last epoch; there
is no best of anything here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from clipbench.analysis.arms import Arm, gather
from clipbench.analysis.labels import by_group, labels, option_of
from clipbench.analysis.load import Run
from clipbench.analysis.pairs import Pairs, pair
from clipbench.analysis.power import ALPHA, detectable_difference, seeds_needed
from clipbench.analysis.sign_flip import sign_flip_p, smallest_p
from clipbench.analysis.statistics import Estimate, estimate, holm, paired_p, superiority

METRIC = "test/accuracy"
DEFAULT_REFERENCE = "relu"

Block = tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One configuration against the reference; all numbers in the metric's own unit.

    Attributes:
        arm: The configuration, with its own mean and every lost seed.
        pairs: The differences on shared seeds, and every seed that is missing on either side.
        difference: Mean difference to the reference with deviation and 95 % t-interval.
        p: Of the paired t-test, two-sided.
        holm_p: The same, corrected over the family.
        sign_flip_p: Exact, uncorrected, without the normal curve.
        sign_flip_floor: The smallest that p can be at this n.
        superiority: P(A>B), the share of seeds with the larger number, ties half.
        detectable: Smallest true difference that this n finds with 80 % power at ``alpha``.
        settle: The difference asked about: the caller's, else the observed one.
        seeds_needed: Pairs in all that find it with 80 % power at ``alpha``; None where no number
            can be given.
        alpha: Two-sided level of one comparison: 5 % over the size of the family, the first and
            strictest step of Holm's correction, so that what is promised survives it.
    """

    arm: Arm
    pairs: Pairs
    difference: Estimate
    p: float
    holm_p: float
    sign_flip_p: float
    sign_flip_floor: float
    superiority: float
    detectable: float
    settle: float
    seeds_needed: int | None
    alpha: float


@dataclass(frozen=True)
class Comparison:
    """One family of comparisons.

    Attributes:
        block: What its runs share, one choice for each group held apart: ``("digits",)``.
        metric: The tag compared.
        reference: The arm all others are compared with.
        rows: The others, in the order of the runs.
    """

    block: Block
    metric: str
    reference: Arm
    rows: list[Row]


def compare(
    runs: Sequence[Run],
    *,
    metric: str = METRIC,
    reference: str | None = None,
    within: Sequence[Literal["data", "model"]] = ("data",),
    settle: float | None = None,
) -> list[Comparison]:
    """Compare every configuration with a reference, block by block.

    Args:
        runs: Of any statuses; unreadable ones belong to no configuration and are the caller's to
            show.
        metric: A tag of the results.
        reference: A label, or the name of a clip; by default ``relu`` where there is one, else the
            first configuration. Where several have that clip, the first one.
        within: Config groups held apart: only runs with the same choices are compared.
        settle: The difference that matters, positive, in the metric's own unit; by default the one
            observed in each row.

    Returns:
        One family for each block, in the order of the runs. Where a block lacks the reference that
        another block has, its reference is an arm without runs.

    Raises:
        ValueError: No configuration has the label or clip asked for, or ``settle`` is not positive.
    """
    if settle is not None and not settle > 0:
        raise ValueError(f"A difference to settle must be positive, got settle={settle}")
    names = labels(runs, apart=within)
    blocks: dict[Block, list[Run]] = {}
    for members in by_group(runs).values():
        block = tuple(option_of(members, group) for group in within)
        blocks.setdefault(block, []).extend(members)
    arms = {block: gather(held, metric=metric, labels=names) for block, held in blocks.items()}
    _refuse_unknown(reference, [arm for held in arms.values() for arm in held])
    return [
        _family(block, held, metric=metric, reference=reference, settle=settle)
        for block, held in arms.items()
    ]


def _family(
    block: Block, arms: list[Arm], *, metric: str, reference: str | None, settle: float | None
) -> Comparison:
    if reference is None:
        base = _find(arms, DEFAULT_REFERENCE) or arms[0]
    else:
        base = _find(arms, reference) or Arm(reference)
    others = [arm for arm in arms if arm is not base]
    pairs = [pair(arm, base) for arm in others]
    p_values = [paired_p(list(held.differences.values())) for held in pairs]
    alpha = ALPHA / max(1, len(others))
    rows = [
        _row(arm, held, p=p, holm_p=corrected, settle=settle, alpha=alpha)
        for arm, held, p, corrected in zip(others, pairs, p_values, holm(p_values), strict=True)
    ]
    return Comparison(block, metric, base, rows)


def _row(
    arm: Arm, pairs: Pairs, *, p: float, holm_p: float, settle: float | None, alpha: float
) -> Row:
    values = list(pairs.differences.values())
    difference = estimate(values)
    asked = abs(difference.mean) if settle is None else settle
    return Row(
        arm=arm,
        pairs=pairs,
        difference=difference,
        p=p,
        holm_p=holm_p,
        sign_flip_p=sign_flip_p(values),
        sign_flip_floor=smallest_p(len(values)),
        superiority=superiority(values),
        detectable=detectable_difference(difference.n, difference.sd, alpha=alpha),
        settle=asked,
        seeds_needed=seeds_needed(asked, difference.sd, alpha=alpha),
        alpha=alpha,
    )


def _find(arms: Sequence[Arm], name: str) -> Arm | None:
    exact = [arm for arm in arms if arm.label == name]
    return next(iter(exact or [arm for arm in arms if arm.clip == name]), None)


def _refuse_unknown(reference: str | None, arms: Sequence[Arm]) -> None:
    if reference is None or _find(arms, reference) is not None:
        return
    known = ", ".join(dict.fromkeys(arm.label for arm in arms)) or "none"
    raise ValueError(f"No configuration is called '{reference}'; there are: {known}")
