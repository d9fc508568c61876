"""Whole commands: run in their order, and a failure is told."""

import sys
from itertools import count

import pytest

from clipbench.bench.commands import CommandFailed, all_of, started_command
from clipbench.bench.seeds import seeds_rows
from clipbench.bench.start_up import FIRST_STEP, start_up_rows

JOURNAL = """
import pathlib, sys
from clipbench.records.journal import Journal
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
journal = Journal(folder / "metrics.jsonl")
for step in (0, 1, 2):
    journal.write(step=step, epoch=0, scalars={"train/loss": 1.0})
"""


def touch(path):
    return [sys.executable, "-c", f"open({str(path)!r}, 'x')"]


def test_a_failure_gives_its_code_and_its_last_line():
    command = [sys.executable, "-c", "import sys; print('so it is', file=sys.stderr); sys.exit(5)"]
    with pytest.raises(CommandFailed, match="so it is") as caught:
        started_command(command)
    assert caught.value.code == 5
    with pytest.raises(CommandFailed):
        all_of([command])


def test_every_way_starts_in_a_folder_of_its_own_each_turn():
    folders = []

    def way(folder):
        folders.append(folder)
        folder.mkdir()
        return [touch(folder / "a"), touch(folder / "b")]

    rows = seeds_rows({"one": way, "two": way}, reference="one", turns=2, told=lambda: None)
    assert len(set(folders)) == 4
    assert [row.name for row in rows] == ["one", "two"]
    assert rows[1].measures["to one"].values == pytest.approx(
        [b / a for a, b in zip(*(row.measures["time"].values for row in rows), strict=True)]
    )
    assert not any(folder.exists() for folder in folders)


def test_the_first_step_is_the_first_record_of_a_step(monkeypatch):
    told = count()
    rows = start_up_rows(
        {"nothing": [sys.executable, "-c", "pass"]},
        lambda folder: [sys.executable, "-c", JOURNAL, str(folder)],
        reference="nothing",
        turns=1,
        told=lambda: next(told),
    )
    (nothing, first) = rows
    assert first.name == FIRST_STEP
    assert 0 < first.measures["time"].values[0] < 60
    assert nothing.measures["to nothing"].values == (1.0,)
    assert next(told) == 4
