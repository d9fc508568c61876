"""What a sweep says before it starts."""

import doctest

from clipbench.cli.main import main
from clipbench.cli.sweeps import shown
from clipbench.cli.sweeps.estimate import Cost
from clipbench.cli.sweeps.shown import expected


def test_the_examples_hold():
    assert doctest.testmod(shown).failed == 0


def test_what_is_not_known_is_not_guessed():
    assert "not known" in expected(None, at_once=1)
    assert "at a time" not in expected(Cost(10, 10**10), at_once=1)
    assert "10.0 GB" in expected(Cost(10, 10**10), at_once=1)


def test_a_dry_run_lists_jobs_and_makes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["experiment=smoke", "clip=relu,silux", "num_seeds=2", "sweep.skip_invalid=true"]
    assert main(["train", "-m", *words, "name=s", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "1 jobs (2 runs), 1 to do, 1 refused" in said
    assert "seeds 0-1" in said
    assert "did you mean 'silu'" in said
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_one_run_says_where_it_would_lie(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "experiment=smoke", "name=s", "--dry-run"]) == 0
    assert "outputs/s/experiment=smoke" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
