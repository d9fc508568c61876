import pytest

from clipbench.records.journal import Journal
from clipbench.records.reading import RunError
from clipbench.records.tail import Tail


def write(path, *epochs):
    with Journal(path) as journal:
        for epoch in epochs:
            journal.write(step=epoch, epoch=epoch, scalars={"val/loss": 0.5})


def epochs_of(records):
    return [record["epoch"] for record in records]


def test_each_record_comes_once_and_in_order(tmp_path):
    path = tmp_path / "metrics.jsonl"
    tail = Tail(path)
    assert tail.new() == []
    write(path, 1, 2)
    assert epochs_of(tail.new()) == [1, 2]
    assert tail.new() == []
    write(path, 3)
    assert epochs_of(tail.new()) == [3]


def test_a_line_that_is_still_being_written_waits_for_its_end(tmp_path):
    path, growing = tmp_path / "whole", tmp_path / "growing"
    write(path, 1, 2)
    whole = path.read_bytes()
    tail = Tail(growing)
    seen = []
    for end in range(len(whole) + 1):
        with growing.open("ab") as file:
            file.write(whole[max(end - 1, 0) : end])
        seen += epochs_of(tail.new())
        assert len(seen) == whole[:end].count(b"\n")
    assert seen == [1, 2]


def test_a_damaged_line_is_passed_over(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, 1)
    with path.open("ab") as file:
        file.write(b"rubbish\n")
    write(path, 2)
    assert epochs_of(Tail(path).new()) == [1, 2]


def test_a_journal_that_is_begun_anew_is_read_anew(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, 1, 2)
    tail = Tail(path)
    tail.new()
    write(tmp_path / "other", 1, 2, 3)
    (tmp_path / "other").replace(path)
    assert epochs_of(tail.new()) == [1, 2, 3]


def test_a_link_is_not_followed(tmp_path):
    write(tmp_path / "real", 1)
    (tmp_path / "metrics.jsonl").symlink_to("real")
    with pytest.raises(RunError):
        Tail(tmp_path / "metrics.jsonl").new()
