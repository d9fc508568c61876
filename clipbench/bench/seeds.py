"""Many seeds: ways to train them, each a list of commands, against one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from clipbench.bench.commands import TEMPORARY, all_of
from clipbench.bench.measure import Row, rows_of_times
from clipbench.bench.turns import in_turns, timed

Way = Callable[[Path], Sequence[Sequence[str]]]
"""From a fresh folder to the commands that train all seeds into it, one after the other."""


def seeds_rows(
    ways: Mapping[str, Way], *, reference: str, turns: int, told: Callable[[], None]
) -> list[Row]:
    """Measure each way from the start of its first process to the end of its last."""
    with TemporaryDirectory(prefix=TEMPORARY) as folder:
        numbers = count()
        runs = {
            name: timed(partial(_train, way, Path(folder), numbers)) for name, way in ways.items()
        }
        # No turn to warm up: processes are fresh each time, and one takes minutes.
        times = in_turns(runs, turns=turns, warm_up=0, told=told)
    return rows_of_times(times, reference=reference)


def _train(way: Way, folder: Path, numbers: count[int]) -> None:
    all_of(way(folder / str(next(numbers))))
