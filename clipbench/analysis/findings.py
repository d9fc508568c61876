"""All that a report says of a set of runs, found once and shown in any format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from clipbench.analysis.comparison import Comparison, compare
from clipbench.analysis.comparison_table import CELLS, comparison_table
from clipbench.analysis.data_sets import across, across_table
from clipbench.analysis.disagreements import disagreements
from clipbench.analysis.guide import CELLS as GUIDE_CELLS
from clipbench.analysis.guide import guide_table
from clipbench.analysis.history import Histories
from clipbench.analysis.load import Run
from clipbench.analysis.lost import NEVER_STARTED, Lost, lost_runs, repeated_runs
from clipbench.analysis.tables import Table

Within = Sequence[Literal["data", "model"]]
WITHIN: Within = ("data", "model")
_FROM_PREDICTIONS = "mcnemar_p"


@dataclass(frozen=True)
class Findings:
    """The comparisons of a set of runs and every run that gave no number.

    Attributes:
        runs: All of them.
        comparisons: One for each data set and model.
        unstarted: Planned runs that never began.
    """

    runs: Sequence[Run]
    comparisons: Sequence[Comparison]
    unstarted: Sequence[Lost]

    @property
    def lost(self) -> list[Lost]:
        """Every run without a number, with its cause."""
        return [*lost_runs(self.runs, self.comparisons), *self.unstarted]

    @property
    def notes(self) -> list[str]:
        """What else a reader must know: seeds that were run more than once."""
        return repeated_runs(self.comparisons)

    @property
    def summary(self) -> str:
        """Count the runs by how they stand."""
        counts = Counter(run.status for run in self.runs)
        counts[NEVER_STARTED] += len(self.unstarted)
        total = sum(counts.values())
        stands = ", ".join(f"{count} {status}" for status, count in counts.most_common() if count)
        runs = f"{total} run{'' if total == 1 else 's'}"
        return f"{runs}: {stands}" if stands else runs

    def tables(self, keys: Sequence[str] = tuple(CELLS)) -> list[Table]:
        """Make the table of each comparison; predictions are read if a column needs them."""
        made = []
        for comparison in self.comparisons:
            found = disagreements(comparison) if _FROM_PREDICTIONS in keys else None
            table = comparison_table(
                comparison,
                keys=keys,
                disagreements=found.by_label if found else {},
                unstarted=self.unstarted,
            )
            made.append(replace(table, notes=found.notes if found else []))
        return made

    def together(self) -> list[Table]:
        """Make the table over all data sets, where several have something to compare."""
        found, left_out = across(self.comparisons)
        if not any(one.differences for one in found):
            return []
        return [across_table(found, metric=self.comparisons[0].metric, notes=left_out)]

    def guides(self, histories: Histories, keys: Sequence[str] = tuple(GUIDE_CELLS)) -> list[Table]:
        """Make the choice guide of each comparison from journals that were read."""
        return [
            replace(
                guide_table(comparison, histories=histories.by_path, keys=keys),
                notes=histories.notes,
            )
            for comparison in self.comparisons
        ]


def find(
    runs: Sequence[Run],
    *,
    metric: str,
    reference: str | None = None,
    within: Within = WITHIN,
    settle: float | None = None,
    unstarted: Sequence[Lost] = (),
) -> Findings:
    """Compare a set of runs; the arguments are those of ``compare``.

    Raises:
        ValueError: As ``compare``.
    """
    comparisons = compare(runs, metric=metric, reference=reference, within=within, settle=settle)
    return Findings(runs, comparisons, unstarted)
