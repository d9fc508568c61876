"""Whole searches through the command line: two clips, three trials, two seeds."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest

from clipbench.cli import extras
from clipbench.cli.main import main
from clipbench.cli.searches import study as studies
from clipbench.records.journal import read
from clipbench.records.lock import exclusive
from clipbench.records.run_dir import read_run

RATE = "optim.lr=tag(log,interval(1e-4,1e-1))"
SMOKE = ["experiment=smoke", "trainer.device=cpu", "trainer.epochs=1", "model.widths=[4]"]
WORDS = [*SMOKE, "clip=learnable,prelu", RATE, "optim.threshold_lr_scale=1,10",
         "--trials", "3", "--seeds", "2", "--name", "s"]  # fmt: skip
ONE = [*SMOKE, "--trials", "1", "--seeds", "1", "--name", "s"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    done = subprocess.run(command(), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "outputs" / "s", done


def command():
    return [sys.executable, "-m", "clipbench.cli.main", "search", *WORDS]


def runs_of(home):
    return {path.parent.relative_to(home): read_run(path.parent) for path in home.rglob("run.json")}


def values_of(home):
    """Name the best and all values of each clip, as the studies hold them."""
    url = f"sqlite:///{home}/study.db"
    names = optuna.get_all_study_names(url)
    found = {}
    for name in names:
        trials = optuna.load_study(study_name=name, storage=url).trials
        found[name] = [(one.params, one.value) for one in trials if one.state.name == "COMPLETE"]
    return found


def test_every_clip_gets_the_same_budget(unbroken):
    home, done = unbroken
    runs = runs_of(home)
    assert all(run["status"] == "finished" for run in runs.values())
    assert Counter(place.parts[0] for place in runs) == {"clip=learnable": 6, "clip=prelu": 6}
    assert all(place.parts[2] in ("seed=0", "seed=1") for place in runs)
    assert done.stderr.count("val/accuracy") == 6


def test_a_trial_counts_by_the_mean_of_its_seeds_on_the_validation_part(unbroken):
    home, _ = unbroken
    runs = runs_of(home)
    for clip, trials in values_of(home).items():
        for slot, (params, value) in enumerate(trials, start=1):
            own = [
                run
                for place, run in runs.items()
                if place.parts[0] == f"clip={clip}" and place.parts[1].startswith(f"trial={slot},")
            ]
            assert len(own) == 2
            mean = sum(run["results"]["val/accuracy"] for run in own) / 2
            assert value == pytest.approx(mean, abs=1e-12)
            assert own[0]["config"]["optim"]["lr"] == pytest.approx(params["optim.lr"], rel=1e-5)
            scale = own[0]["config"]["optim"]["threshold_lr_scale"]
            assert scale == float(params["optim.threshold_lr_scale"])


def test_the_best_is_linked_and_told(unbroken):
    home, done = unbroken
    for clip, trials in values_of(home).items():
        top = max(value for _, value in trials)
        linked = [read_run(path) for path in sorted((home / "best" / clip).iterdir())
                  if path.name.startswith("seed=")]  # fmt: skip
        assert sum(run["results"]["val/accuracy"] for run in linked) / 2 == pytest.approx(top)
        assert re.search(rf"^{clip} +3 +0 +0 +0 +{100 * top:.2f} ±", done.stdout, re.MULTILINE)
    assert "seed=2 num_seeds=10" in done.stdout
    assert "test" not in done.stdout.replace("clipbench", "")


def test_a_second_start_has_nothing_to_do(unbroken, here, monkeypatch, capsys):
    shutil.copytree(unbroken[0], here / "outputs" / "s", symlinks=True)
    monkeypatch.setattr("clipbench.cli.searches.drive.run_trial", None)
    assert main(["search", *WORDS]) == 0
    said = capsys.readouterr()
    assert "6 trials done, 0 to do" in said.err
    assert said.out == unbroken[1].stdout


def test_without_its_studies_a_search_finds_all_again_and_trains_nothing(unbroken, here, capsys):
    home = here / "outputs" / "s"
    shutil.copytree(unbroken[0], home, symlinks=True)
    (home / "study.db").unlink()
    before = runs_of(home)
    assert main(["search", *WORDS]) == 0
    assert capsys.readouterr().out == unbroken[1].stdout
    assert runs_of(home) == before  # times and all


def test_a_killed_search_goes_on_and_ends_like_an_unbroken_one(unbroken, here, capsys):
    process = subprocess.Popen(command(), stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("[2/6]"):
            break
    home = here / "outputs" / "s"
    until(lambda: len(list(home.rglob("run.json"))) > 4)  # in the middle of the third trial
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    ended = {p: r for p, r in runs_of(home).items() if r["status"] == "finished"}
    assert 4 <= len(ended) < 12
    assert main(["search", *WORDS]) == 0
    said = capsys.readouterr()
    assert "2 trials done, 4 to do" in said.err
    assert said.out == unbroken[1].stdout
    runs = runs_of(home)
    assert {place: runs[place] for place in ended} == ended  # nothing is trained twice
    assert runs.keys() == runs_of(unbroken[0]).keys()
    assert values_of(home) == values_of(unbroken[0])


def until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class PruneAll(optuna.pruners.BasePruner):
    def prune(self, study, trial):
        return True


def test_a_trial_that_falls_behind_is_stopped(here, monkeypatch, capsys):
    monkeypatch.setattr(studies, "_pruner", lambda plan: PruneAll())
    long = [word.replace("epochs=1", "epochs=500") for word in ONE]
    assert main(["search", *long, "clip=relu", RATE, "--trials", "2"]) == 1
    said = capsys.readouterr()
    assert said.err.count("pruned: behind at epoch 1 of seed 1") == 2
    assert re.search(r"^relu +0 +2 +0 +0 +none$", said.out, re.MULTILINE)
    runs = runs_of(here / "outputs" / "s")
    assert len(runs) == 2
    for place, run in runs.items():
        assert (run["status"], run["cause"]) == ("interrupted", "pruned")
        epochs = [
            record["epoch"] for record in read(Path("outputs/s") / place / "metrics.jsonl")[0]
        ]
        assert max(epochs) < 500


def test_a_diverged_trial_is_named_and_not_tried_again(here, capsys):
    words = ["search", *ONE, "clip=relu", "optim=sgd", "optim.lr=1e30,1e31", "--trials", "2"]
    assert main(words) == 1
    said = capsys.readouterr()
    assert "2 trials without a result" in said.err
    assert re.search(r"diverged +clip=relu optim.lr=1e\+3[01]: .*step", said.err)
    assert re.search(r"^relu +0 +0 +2 +0 +none$", said.out, re.MULTILINE)
    assert main(words) == 1
    assert "2 trials done, 0 to do" in capsys.readouterr().err


def test_a_failed_trial_is_named_and_tried_again_by_the_next_start(here, capsys):
    words = ["search", *ONE, "clip=relu", RATE, "--trials", "2"]
    assert main([*words, "sweep.timeout=0.001", "sweep.fail_fast=true"]) == 1
    said = capsys.readouterr()
    assert re.search(r"failed +clip=relu optim.lr=\S+: no end within 0.001 s", said.err)
    assert re.search(r"^relu +0 +0 +0 +1 +none$", said.out, re.MULTILINE)  # and not the second
    rate = re.search(r"optim.lr=\S+", said.err.splitlines()[1])[0]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "0 trials done, 2 to do" in said.err
    assert rate in said.err  # the very values that had failed
    assert re.search(r"^relu +2 +0 +0 +0 ", said.out, re.MULTILINE)
    assert len(runs_of(here / "outputs" / "s")) == 2


def test_a_search_that_is_asked_to_stop_stops_its_trial_and_shows_what_there_is(here):
    long = [word.replace("epochs=1", "epochs=500") for word in ONE]
    words = [sys.executable, "-m", "clipbench.cli.main", "search", *long, "clip=relu", RATE]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: list(here.rglob("metrics.jsonl")))
    process.send_signal(signal.SIGTERM)
    shown, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert re.search(r"^relu +0 +0 +0 +0 +none$", shown, re.MULTILINE)
    assert "Traceback" not in said
    (run,) = runs_of(here / "outputs" / "s").values()
    assert run["status"] == "interrupted"


def test_ctrl_c_ends_with_the_table_and_its_code(here, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("clipbench.cli.searches.drive.run_trial", interrupt)
    assert main(["search", *ONE, "clip=relu", RATE]) == 130
    assert re.search(r"^relu +0 +0 +0 +0 +none$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["optim.lr=interval(-1,1)"], 2, "optim.lr"),
        ([RATE, "--metric", "test/accuracy"], 2, "nothing is chosen by the test part"),
        ([], 2, "nothing to search"),
    ],
)
def test_a_wrong_search_leaves_no_folder(here, capsys, words, code, hint):
    assert main(["search", *ONE, *words]) == code
    said = capsys.readouterr()
    assert hint in said.err
    assert len(said.err.splitlines()) <= 3
    assert list(here.iterdir()) == []


def test_a_busy_home_and_one_of_a_sweep_are_refused(here, capsys):
    home = here / "outputs" / "s"
    home.mkdir(parents=True)
    with exclusive(home):
        assert main(["search", *ONE, RATE]) == 75
    (home / "sweep.json").touch()
    assert main(["search", *ONE, RATE]) == 4
    assert "holds a sweep" in capsys.readouterr().err


def test_without_optuna_the_line_that_installs_it_is_told(here, monkeypatch, capsys):
    monkeypatch.setattr(extras, "_is_installed", lambda module: module != "optuna")
    assert main(["search", *ONE, RATE]) == 2
    said = capsys.readouterr().err
    assert "pip install 'clipbench[search]'" in said
    assert len(said.splitlines()) == 1


def test_help_needs_neither_torch_nor_optuna_nor_hydra():
    code = (
        "import sys\nfrom clipbench.cli.main import main\n"
        "try:\n    main(['search', '--help'])\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert not {"torch", "optuna", "hydra", "numpy", "sqlalchemy"} & loaded


def test_the_table_is_made_without_torch():
    code = "import sys, clipbench.cli.searches.ending\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
