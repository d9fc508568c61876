"""Whole runs through the command line: what they leave behind, and how they end."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from clipbench.cli.main import main
from clipbench.records.journal import comparable, read
from clipbench.records.run_dir import read_run
from clipbench.records.threshold_tags import among_inputs
from clipbench.training.checkpoint import load_run, read_checkpoint

SMOKE = ["train", "experiment=smoke", "trainer.device=cpu"]


def train(folder: Path, *overrides: str) -> int:
    return main([*SMOKE, f"hydra.run.dir={folder}", *overrides])


def journal(folder: Path) -> list[dict]:
    records, damaged = read(folder / "metrics.jsonl")
    assert damaged == []
    return [comparable(record) for record in records]


def tags(folder: Path) -> set[str]:
    return {tag for record in read(folder / "metrics.jsonl")[0] for tag in record["scalars"]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "a"
    assert train(folder) == 0
    return folder


def test_the_run_directory_holds_what_is_promised(run):
    held = {path.relative_to(run).parts[0] for path in run.rglob("*")}
    events = {name for name in held if name.startswith("events.out.tfevents.")}
    assert len(events) == 1
    assert held - events == {
        "run.json", "metrics.jsonl", "predictions.npz", "images", "checkpoints", ".hydra",
        "clipbench.log", ".lock",
    }  # fmt: skip


def test_run_json_tells_the_whole_story(run):
    record = read_run(run)
    assert record["status"] == "finished"
    assert record["overrides"] == ["experiment=smoke", "trainer.device=cpu"]
    assert record["config"]["clip"]["_target_"] == "clipbench.clips.learnable.LearnableClip"
    assert record["seed"] == 0
    assert record["device"] == "cpu"
    assert record["threads"] == torch.get_num_threads()
    assert record["data"]["shape"] == {"in_channels": 1, "image_size": 16, "num_classes": 10}
    wanted = {"test/accuracy", "test/loss", "val/accuracy", "train/accuracy", "sparsity/mean"}
    assert wanted | {"seconds/train", "threshold/fc1/upper"} <= record["results"].keys()


def test_the_tags_are_those_of_the_design(run):
    seen = tags(run)
    for site in ("fc1", "fc2"):
        assert {
            f"sparsity/{site}", f"saturation/{site}", f"dead_units/{site}",
            f"threshold/{site}/upper", f"threshold_grad/{site}/upper",
            f"gradient_window/{site}/upper", f"activation_quantile/{site}/q999",
        } <= seen  # fmt: skip
    assert {
        "train/loss", "train/accuracy", "val/loss", "val/accuracy", "test/loss", "test/accuracy",
        "sparsity/mean", "sparsity/elements", "grad_norm/total", "grad_norm/threshold_share",
        "learning_rate", "speed/images_per_second",
    } <= seen  # fmt: skip


def test_what_probes_see_on_the_test_part_is_kept_with_the_results(run):
    results = read_run(run)["results"]
    seen = {tag for tag in results if tag.startswith("test/")}
    for site in ("fc1", "fc2"):
        bound = results[f"threshold/{site}/upper"]
        assert {f"test/sparsity/{site}", f"test/saturation/{site}"} <= seen
        assert 0 < results[f"test/saturation/{site}"] < 1
        # More than one in a thousand is beyond the bound, so the bound is what is given.
        assert results[f"test/output_quantile/{site}/max"] == pytest.approx(bound, rel=1e-6)
        assert results[f"test/output_quantile/{site}/q999"] == pytest.approx(bound, rel=1e-6)
    assert results["parameters/thresholds"] == 2
    compared = {"test/loss", "test/accuracy", "test/sparsity/mean", "test/saturation/mean"}
    assert seen & tags(run) == compared


def test_a_cnn_also_tells_what_pooling_makes_of_sparsity(tmp_path):
    assert train(tmp_path / "a", "model=cnn", "model.widths=[4,4]", "clip=relu") == 0
    assert {"sparsity_next/conv1", "sparsity_next/conv2"} <= tags(tmp_path / "a")
    assert not [tag for tag in tags(tmp_path / "a") if tag.startswith("threshold")]


def test_thresholds_start_in_the_journal_where_they_start(run):
    first = journal(run)[0]
    assert first["step"] == 0
    assert first["scalars"] == {"threshold/fc1/upper": 1.0, "threshold/fc2/upper": 1.0}


def test_steps_never_go_back_and_no_tag_comes_twice_at_a_step(run):
    seen = set()
    steps = [record["step"] for record in journal(run)]
    assert steps == sorted(steps)
    for record in journal(run):
        for tag in record["scalars"]:
            assert (record["step"], tag) not in seen
            seen.add((record["step"], tag))


def test_tensorboard_shows_what_the_journal_holds(run):
    view = EventAccumulator(str(run), size_guidance={"scalars": 0, "histograms": 0})
    view.Reload()
    shown = {
        (tag, event.step): event.value
        for tag in view.Tags()["scalars"]
        for event in view.Scalars(tag)
    }
    records, _ = read(run / "metrics.jsonl")
    written = {
        (tag, record["step"]): value
        for record in records
        for tag, value in record["scalars"].items()
    }
    # The page puts thresholds among their inputs, which are looked at once an epoch.
    written |= {
        (again, step): value
        for (tag, step), value in written.items()
        if (again := among_inputs(tag)) and ("val/loss", step) in written
    }
    assert shown.keys() == written.keys()
    assert all(np.float32(written[key]) == np.float32(value) for key, value in shown.items())
    assert "samples" in view.Tags()["images"]


def test_predictions_are_those_of_the_recorded_model(run):
    model = load_run(run)
    assert not model.training
    with np.load(run / "predictions.npz", allow_pickle=False) as saved:
        labels, predictions = saved["labels"], saved["predictions"]
    accuracy = float((labels == predictions).mean())
    assert accuracy == pytest.approx(read_run(run)["results"]["test/accuracy"], abs=1e-9)


def test_eval_repeats_the_numbers_of_the_run(run, capsys):
    assert main(["eval", str(run), "trainer.device=cpu"]) == 0
    shown = dict(line.split() for line in capsys.readouterr().out.splitlines()[1:])
    results = read_run(run)["results"]
    for tag in ("val/accuracy", "test/accuracy", "test/loss", "threshold/fc1/upper"):
        assert float(shown[tag]) == pytest.approx(results[tag], rel=1e-5)


def test_the_same_seed_gives_the_same_journal_bit_for_bit(run, tmp_path):
    assert train(tmp_path / "b") == 0
    assert journal(tmp_path / "b") == journal(run)
    assert train(tmp_path / "c", "seed=1") == 0
    assert journal(tmp_path / "c") != journal(run)


def test_rerun_repeats_a_run_and_one_override_changes_just_that(run, tmp_path):
    assert main(["rerun", str(run), f"hydra.run.dir={tmp_path / 'same'}"]) == 0
    assert journal(tmp_path / "same") == journal(run)
    other = ["clip=prelu", f"hydra.run.dir={tmp_path / 'other'}"]
    assert main(["rerun", str(run), *other]) == 0
    before, after = read_run(run)["config"], read_run(tmp_path / "other")["config"]
    assert {key for key in before if before[key] != after[key]} == {"clip"}


def test_a_finished_run_is_not_repeated_in_its_place(run, capsys):
    before = (run / "metrics.jsonl").read_bytes()
    assert train(run) == 0
    assert "finished already" in capsys.readouterr().out
    assert (run / "metrics.jsonl").read_bytes() == before


def test_a_directory_of_another_configuration_is_refused(run, capsys):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert train(run, "clip=prelu") == 4
    said = capsys.readouterr().err
    assert "clip._target_" in said
    assert len(said.splitlines()) <= 3
    assert all(path.read_bytes() == content for path, content in before.items())


def test_several_seeds_are_the_single_runs(run, tmp_path, capsys):
    assert train(tmp_path / "job", "num_seeds=2", "trainer.stack=off") == 0
    assert journal(tmp_path / "job" / "seed=0") == journal(run)
    assert read_run(tmp_path / "job" / "seed=1")["seed"] == 1
    assert "(n = 2)" in capsys.readouterr().out


def test_a_sweep_runs_every_combination_and_folders_say_which(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (
        main([*SMOKE, "-m", "name=study", "clip=prelu,relu", "seed=0,1", "trainer.epochs=1"]) == 0
    )
    runs = sorted(path.parent.relative_to("outputs/study") for path in Path().rglob("run.json"))
    names = [f"experiment=smoke,clip={clip},trainer.epochs=1" for clip in ("prelu", "relu")]
    assert runs == [Path(name) / f"seed={seed}" for name in names for seed in (0, 1)]


def test_divergence_ends_with_code_5_and_names_the_layer(tmp_path, capsys):
    wild = ["optim=sgd", "optim.lr=1e30", "clip=relu", "model.init=shared"]
    assert train(tmp_path / "a", *wild) == 5
    said = capsys.readouterr().err.splitlines()[-3:]
    assert "fc" in said[0] or "head" in said[0]
    record = read_run(tmp_path / "a")
    assert record["status"] == "diverged"
    assert "step" in record["cause"]
    weights = read_checkpoint(tmp_path / "a" / "checkpoints")["model"]
    assert all(value.isfinite().all() for value in weights.values())


def test_one_diverged_seed_does_not_stop_the_others(tmp_path, capsys):
    wild = ["optim=sgd", "optim.lr=1e30", "clip=relu", "num_seeds=2"]
    assert train(tmp_path / "job", *wild) == 5
    statuses = [read_run(tmp_path / "job" / f"seed={seed}")["status"] for seed in (0, 1)]
    assert statuses == ["diverged", "diverged"]
    assert "0 of 2 seeds finished" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_leaves_a_usable_run(number, code, tmp_path):
    folder = tmp_path / "a"
    long = ["trainer.epochs=100000", f"hydra.run.dir={folder}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "clipbench.cli.main", *SMOKE, *long]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        deadline = time.monotonic() + 120
        while not list(folder.glob("checkpoints/*.pt")):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.05)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == code
    assert "Traceback" not in said
    assert read_run(folder)["status"] == "interrupted"
    assert journal(folder)
    load_run(folder)


def test_a_gpu_that_is_not_there_is_an_error(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert main([*SMOKE, f"hydra.run.dir={tmp_path / 'a'}", "trainer.device=cuda"]) == 2
    assert "there is no 'cuda'" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_an_error_of_the_disk(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert train(tmp_path / "file" / "run") == 6
    said = capsys.readouterr().err
    assert str(tmp_path / "file") in said
    assert len(said.splitlines()) <= 3


@pytest.mark.parametrize("place", ["assemble", "train", "conclude"])
def test_out_of_memory_ends_with_a_hint(place, tmp_path, capsys, monkeypatch):
    def full(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    monkeypatch.setattr(f"clipbench.cli.begun.{place}", full)
    assert train(tmp_path / "a") == 2
    said = capsys.readouterr().err.splitlines()
    assert "trainer.batch_size=64" in said[-1]
    assert read_run(tmp_path / "a")["status"] == "failed"


def test_cfg_shows_the_configuration_and_makes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "clip=learnable", "clip.init=0.5", "--cfg", "job"]) == 0
    assert "init: 0.5" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_clip_of_ones_own_needs_one_py_and_one_yaml(tmp_path, monkeypatch):
    package = tmp_path / "mypkg_cap"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "softcap.py").write_text(
        "import torch\nfrom clipbench.clips.base import Clip\n\n\nclass SoftCap(Clip):\n"
        '    """A smooth cap."""\n\n'
        "    def __init__(self, *, num_features: int | None = None, cap: float = 3.0) -> None:\n"
        "        super().__init__(num_features=num_features)\n        self.cap = cap\n\n"
        "    def forward(self, x: torch.Tensor) -> torch.Tensor:\n"
        "        return self.cap * torch.tanh(x / self.cap)\n"
    )
    (tmp_path / "myconf" / "clip").mkdir(parents=True)
    (tmp_path / "myconf" / "clip" / "softcap.yaml").write_text(
        "_target_: mypkg_cap.softcap.SoftCap\ncap: 3.0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own = ["clip=softcap", "--config-dir", str(tmp_path / "myconf")]
    assert train(tmp_path / "refused", *own) == 2
    assert not (tmp_path / "refused").exists()
    assert train(tmp_path / "a", *own, "trust=[mypkg_cap]", "clip.cap=2.5") == 0
    assert read_run(tmp_path / "a")["config"]["clip"]["cap"] == 2.5
    assert load_run(tmp_path / "a", trust=["mypkg_cap"]).fc1.clip.cap == 2.5
    assert main(["eval", str(tmp_path / "a")]) == 2


def test_a_mask_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "mypkg_mask.py").write_text(
        "import torch\n\n\ndef big(x: torch.Tensor, *, at: float = 1.0) -> torch.Tensor:\n"
        "    return x.abs() > at\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    mask = "clip.mask={_target_: mypkg_mask.big, _partial_: true, at: 0.5}"
    assert train(tmp_path / "a", "clip=masked", mask, "trust=[mypkg_mask]") == 0
    wrong = mask.replace("at:", "att:")
    assert train(tmp_path / "b", "clip=masked", wrong, "trust=[mypkg_mask]") == 2


def test_the_log_of_a_run_is_json_text(run):
    for line in (run / "metrics.jsonl").read_text().splitlines():
        json.loads(line)


@pytest.mark.parametrize("clip", ["ranger", "ft_clipact"])
def test_a_clip_bounded_after_training_is_tested_and_saved_with_its_bounds(clip, tmp_path, capsys):
    assert train(tmp_path / "a", f"clip={clip}") == 0
    assert re.search(r"fc1/upper +inf -> \d", capsys.readouterr().out)
    assert float(journal(tmp_path / "a")[0]["scalars"]["threshold/fc1/upper"]) == math.inf
    results, model = read_run(tmp_path / "a")["results"], load_run(tmp_path / "a")
    for site in ("fc1", "fc2"):
        bound, clipped = results[f"threshold/{site}/upper"], model.get_submodule(site).clip
        assert clipped.thresholds()["upper"].item() == bound
        beyond = clipped(torch.tensor([[bound, 2 * bound]])).tolist()
        assert beyond == [[bound, bound if clip == "ranger" else 0.0]]
    assert main(["eval", str(tmp_path / "a"), "trainer.device=cpu"]) == 0
    shown = dict(line.split() for line in capsys.readouterr().out.splitlines()[1:])
    assert float(shown["test/loss"]) == pytest.approx(results["test/loss"], rel=1e-5)
