"""What the summary of a run says of its thresholds."""

import shlex

import pytest
import torch

from clipbench.cli.main import main
from clipbench.cli.summary import threshold_lines
from clipbench.records.run_dir import read_run


def lines_of(folder, *overrides, trained=True):
    words = ["train", "experiment=smoke", "trainer.device=cpu", "trainer.epochs=1"]
    if trained:
        assert main([*words, f"hydra.run.dir={folder}", *overrides]) == 0
    return threshold_lines(folder, read_run(folder)["results"])


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (["clip=published_sigmoid"], "no gradient reaches it"),
        (["clip=learnable", "clip.init=100"], "its gradient was zero in all"),
        (["clip=percentile"], "nothing learns it"),
    ],
)
def test_a_threshold_that_did_not_move_says_why(tmp_path, capsys, overrides, reason):
    lines = lines_of(tmp_path / "run", *overrides)
    assert [f"did not move: {reason}" in line for line in lines] == [True, True]
    assert set(lines) <= set(capsys.readouterr().out.splitlines())


def test_a_threshold_that_moved_says_nothing(tmp_path):
    lines = lines_of(tmp_path / "run", "clip=learnable")
    assert [line.split()[-3] for line in lines] == ["1.0000"] * 2
    assert not any("did not move" in line for line in lines)


def test_channels_say_it_once_and_fixed_clips_nothing(tmp_path):
    lines = lines_of(tmp_path / "a", "clip=learnable", "clip.init=100", "clip.per=channel")
    assert ["did not move: " in line for line in lines] == [True, False, False] * 2
    assert all("did not move" in line for line in lines)
    assert lines_of(tmp_path / "b", "clip=relu") == []


def test_a_run_that_cannot_be_audited_still_has_a_summary(tmp_path):
    lines_of(tmp_path / "run", "clip=published_sigmoid")
    for checkpoint in (tmp_path / "run" / "checkpoints").glob("*.pt"):
        checkpoint.write_bytes(b"nothing")
    lines = lines_of(tmp_path / "run", trained=False)
    assert all(line.endswith("did not move") for line in lines)


def test_a_channel_that_stands_still_beside_others_that_move_is_no_news(tmp_path):
    lines_of(tmp_path / "run", "clip=learnable", "clip.per=channel")
    results = dict(read_run(tmp_path / "run")["results"])
    results["threshold/fc1/upper/max"] = 1.0  # where it started
    assert not any("did not move" in line for line in threshold_lines(tmp_path / "run", results))


def test_the_next_commands_can_be_typed_as_they_stand(tmp_path, capsys):
    words = ["train", "experiment=smoke", "clip=relu", f"hydra.run.dir='{tmp_path}/a b'"]
    assert main([*words, "trainer.epochs=1"]) == 0
    shown = capsys.readouterr().out
    assert shlex.split(shown.partition("\nnext")[2])[:3] == ["clipbench", "eval", f"{tmp_path}/a b"]


def test_without_probes_the_summary_is_shorter_and_has_no_gap(tmp_path, capsys):
    lines_of(tmp_path / "run", "clip=relu", "probe=[]")
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown[1:5]] == ["test", "time", "results", "next"]


@pytest.mark.parametrize(
    ("has_units", "precision"), [(True, "fp32"), (True, "bf16"), (False, "fp32")]
)
def test_bf16_is_advised_for_convolutions_where_the_processor_has_it(
    tmp_path, capsys, monkeypatch, has_units, precision
):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: has_units)
    for model in ("cnn", "mlp"):
        words = [f"model={model}", "model.widths=[4]", f"trainer.precision={precision}"]
        lines_of(tmp_path / model, *words)
        advised = "trainer.precision=bf16" in capsys.readouterr().out
        assert advised == (has_units and precision == "fp32" and model == "cnn")
