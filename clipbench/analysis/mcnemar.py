"""On which test images two configurations differ: McNemar's exact test, seed by seed and pooled.

One seed: among the images that only one of the two networks has right, each is as likely to be A's
as B's if the two are equally good; p is the two-sided binomial tail at 1/2. Source: McNemar (1947),
"Note on the sampling error of the difference between correlated proportions".

Pooled over seeds: the same images come back with every seed, so to add up the seeds' tables would
count each image many times and make p far too small. Instead each image votes once: for A where A
has it right on more of the shared seeds than B, for B in the other case, not at all at a tie. The
exact binomial test on these votes (a sign test over images) is McNemar's test for one seed.

What either p speaks of: these trained networks on further images of the same kind. It says nothing
of further seeds: two networks of one configuration differ on images too. That question is the
paired t-test's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from clipbench.analysis.predictions import Predictions


@dataclass(frozen=True)
class Votes:
    """Images on which two configurations differ.

    Attributes:
        only_a: Images for A: one network right where the other is wrong, or the majority of seeds.
        only_b: Images for B.
        images: Number of test images.
        p: Exact two-sided p of equal chances; 1 where no image tells the two apart.
    """

    only_a: int
    only_b: int
    images: int
    p: float


@dataclass(frozen=True)
class Disagreement:
    """The votes of each shared seed, and those of the images over all of them.

    Attributes:
        seeds: Seed -> its table.
        pooled: One vote an image; None without a shared seed.
    """

    seeds: dict[int, Votes]
    pooled: Votes | None


def disagreement(a: Mapping[int, Predictions], b: Mapping[int, Predictions]) -> Disagreement:
    """Compare two configurations image by image on the seeds that both have.

    Args:
        a: Seed -> predictions of A on the test images, in the order of the data.
        b: The same of B.

    Raises:
        ValueError: Two runs were not tested on the same images: their labels differ.
    """
    shared = sorted(a.keys() & b.keys())
    if not shared:
        return Disagreement({}, None)
    labels = a[shared[0]].labels
    for seed in shared:
        if not all(np.array_equal(side[seed].labels, labels) for side in (a, b)):
            raise ValueError(f"A paired comparison needs the same test labels; seed {seed} differs")
    margins = np.stack([1 * a[seed].correct - 1 * b[seed].correct for seed in shared])  # (S, N)
    seeds = {seed: _votes(margin) for seed, margin in zip(shared, margins, strict=True)}
    return Disagreement(seeds, _votes(margins.sum(axis=0)))


def exact_p(only_a: int, only_b: int) -> float:
    """Give the two-sided binomial p of two counts at equal chances; 1 where both are zero."""
    smaller = min(only_a, only_b)
    return min(1.0, 2 * float(special.bdtr(smaller, only_a + only_b, 0.5)))


def _votes(margins: np.ndarray) -> Votes:
    only_a, only_b = int((margins > 0).sum()), int((margins < 0).sum())
    return Votes(only_a, only_b, margins.size, exact_p(only_a, only_b))
