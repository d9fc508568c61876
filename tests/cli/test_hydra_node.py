"""The folders that a user names by Hydra's own keys."""

from datetime import datetime
from pathlib import Path

import pytest

from clipbench.cli.compose import compose
from clipbench.cli.errors import ConfigError
from clipbench.cli.hydra_node import folder_in
from clipbench.cli.main import main


@pytest.mark.parametrize("key", ["run.dir", "sweep.dir"])
@pytest.mark.parametrize(
    ("typed", "folder"),
    [
        ("a/b", "a/b"),
        ("'a b/c=d,e'", "a b/c=d,e"),
        ("a/${seed}-${model.init}", "a/3-gain"),
        ("a/${now:%Y}", f"a/{datetime.now():%Y}"),
    ],
)
def test_a_typed_folder_is_read_as_hydra_reads_it(key, typed, folder):
    job = compose(["seed=3", f"hydra.{key}={typed}"]).jobs[0]
    assert folder_in(job.hydra, key, config=job.config) == Path(folder)


def test_what_it_needs_and_is_not_there_is_named():
    job = compose(["hydra.run.dir=a/${sed}"]).jobs[0]
    with pytest.raises(ConfigError, match=r"hydra.run.dir: .*sed"):
        folder_in(job.hydra, "run.dir", config=job.config)


def test_a_run_and_its_repetition_make_that_folder_and_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["experiment=smoke", "trainer.epochs=1", "trainer.device=cpu"]
    assert main(["train", *words, "hydra.run.dir=first/${seed}"]) == 0
    assert main(["rerun", "first/0", "seed=1", "hydra.run.dir=second/${seed}"]) == 0
    assert {str(path.parent) for path in Path().rglob("run.json")} == {"first/0", "second/1"}
    assert {path.name for path in Path().glob("*/*")} == {"0", "1"}


def test_the_jobs_of_a_sweep_lie_in_that_folder(capsys):
    words = ["-m", "experiment=smoke", "seed=0,1", "hydra.sweep.dir=all/${model.init}", "--dry-run"]
    assert main(["train", *words]) == 0
    assert "all/gain" in capsys.readouterr().out
