"""From Enter to an answer: the usage, the help, and the first optimizer step of a run.

The first step is seen from outside: a run that records every step writes into its journal when the
first one was done. What Python and torch take to start alone stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from clipbench.bench.commands import TEMPORARY, started_command
from clipbench.bench.measure import Row, rows_of_times
from clipbench.bench.turns import in_turns, timed
from clipbench.records.journal import JOURNAL_FILE, read

FIRST_STEP = "first step"


def start_up_rows(
    commands: Mapping[str, Sequence[str]],
    train_into: Callable[[Path], Sequence[str]],
    *,
    reference: str,
    turns: int,
    told: Callable[[], None],
) -> list[Row]:
    """Measure commands to their end, and a run up to its first step.

    Args:
        commands: By name; one of them is the reference.
        train_into: From a fresh run directory to a command that trains there and records each step.
        reference: The command whose time the others are divided by.
        turns: How many turns count.
        told: Called after each command.
    """
    with TemporaryDirectory(prefix=TEMPORARY) as folder:
        numbers = count()
        runs: dict[str, Callable[[], float]] = {
            name: timed(partial(started_command, command)) for name, command in commands.items()
        }
        runs[FIRST_STEP] = lambda: first_step(train_into, Path(folder) / str(next(numbers)))
        times = in_turns(runs, turns=turns, told=told)
    return rows_of_times(times, reference=reference)


def first_step(train_into: Callable[[Path], Sequence[str]], folder: Path) -> float:
    """Return the seconds from the start of a run's process to the record of its first step."""
    started = started_command(train_into(folder))
    records, _ = read(folder / JOURNAL_FILE)
    return min(record["time"] for record in records if record["step"] >= 1) - started
