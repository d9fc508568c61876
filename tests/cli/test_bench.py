"""``clipbench bench``: its words, its files, and a whole bench of the smallest size."""

import json
import subprocess
import sys

import pytest

from clipbench.cli.bench import FLAGS, PARTS
from clipbench.cli.benches import commands, drive
from clipbench.cli.benches.request import request
from clipbench.cli.main import main

TINY = ["experiment=smoke", "data.num_samples=300", "data.image_size=8", "data.val_size=60"]


def test_the_help_starts_without_torch_and_ends_in_examples():
    code = "import sys\nfrom clipbench.cli.main import main\ntry: main(['bench', '--help'])\n"
    code += "except SystemExit: pass\nassert 'torch' not in sys.modules\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"  {part} " in done.stdout for part in PARTS)
    assert all(f"  {flag}" in done.stdout or f", {flag}" in done.stdout for flag in FLAGS)
    assert "examples:\n  clipbench bench\n" in done.stdout


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["clip"], "'clip' is no part; did you mean 'clips'?"),
        (["step", "modle=mlp"], "did you mean 'model'?"),
        (["step", "clip=gradient"], "step: the plain loop has no grad_clip; leave it out"),
        (["step", "regularizer=l1"], "step: the plain loop has no regularizer; leave it out"),
        (["step", "model=mlp", "model.dropout=0.5"], "step: the plain loop has no dropout"),
        (["clips", "trainer.precision=fp32,bf16"], "clips: it measures one trainer.precision"),
        (["seeds", "model=mlp,cnn"], "seeds: it measures one configuration"),
        (["startup", "name=mine"], "name: a bench keeps no run"),
        (["data", "hydra.run.dir=x"], "hydra.run.dir: a bench keeps no run"),
        (["data", "--json", "nowhere/b.json"], "--json: there is no folder nowhere"),
        (["data", "--figure", "b.png"], "--figure: it is drawn as SVG; name it b.svg"),
        (["clips", "clip=topk", "clip.density=2"], "density"),
    ],
)
def test_a_wrong_word_exits_2_and_measures_nothing(words, answer, capsys, monkeypatch):
    monkeypatch.setattr(drive, "_measure", lambda *_: pytest.fail("it was measured"))
    assert main(["bench", *words]) == 2
    captured = capsys.readouterr()
    assert answer in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("flag", [["--repeats", "0"], ["--shape", "3x3x3"], ["--shape", "axb"]])
def test_a_wrong_number_exits_2(flag, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["bench", "clips", *flag])
    assert caught.value.code == 2
    assert "must be" in capsys.readouterr().err


def test_an_earlier_bench_that_is_none_exits_4_before_anything_is_measured(tmp_path, capsys):
    (tmp_path / "b.json").write_text("{}")
    assert main(["bench", "clips", "--against", str(tmp_path / "b.json")]) == 4
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_bench_is_shown_kept_drawn_and_compared(tmp_path, capsys):
    kept, drawn = tmp_path / "b.json", tmp_path / "b.svg"
    words = ["bench", "clips", "step", "data", *TINY, "--repeats", "2", "--shape", "4x3x2x2"]
    words += ["--no-compile", "--json", str(kept)]
    assert main([*words, "--figure", str(drawn)]) == 0
    out = capsys.readouterr().out
    assert "ours to plain" in out
    parts = json.loads(kept.read_text())["parts"]
    assert list(parts) == ["clips", "step", "data"]
    assert list(parts["clips"]["rows"])[:3] == ["copy", "nn.ReLU", "nn.Hardtanh"]
    (step,) = parts["step"]["rows"].values()
    assert len(step["ours"]["values"]) == 2
    assert drawn.read_bytes().startswith(b"<?xml")
    assert main([*words, "--against", str(kept)]) == 0
    assert "quantities moved beyond their spread" in capsys.readouterr().out


def test_without_a_word_about_clips_every_clip_is_measured(capsys):
    from clipbench.cli.conf_dir import conf_dir, option_names

    assert main(["bench", "clips", "--no-compile", "--repeats", "1", "--shape", "4x8x2x2"]) == 0
    rows = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line}
    assert rows >= set(option_names(conf_dir(), "clip"))


def test_usual_words_give_way_to_those_that_are_typed():
    words = {part: one.words for part, one in request(PARTS, [], config_dir=None).items()}
    assert "model=mlp,cnn" in words["step"]
    assert words["seeds"] == ["num_seeds=10"]
    typed = request(["step", "seeds"], ["model=cnn", "num_seeds=2"], config_dir=None)
    assert typed["seeds"].words == ["model=cnn", "num_seeds=2"]
    assert typed["step"].words == ["model=cnn", "num_seeds=2", "trainer.precision=fp32,bf16"]
    chosen = request(["step"], ["experiment=smoke"], config_dir=None)
    assert chosen["step"].words == ["experiment=smoke"]


def test_seeds_are_timed_as_a_user_would_type_them(tmp_path, monkeypatch):
    words = ["bench", "seeds", *TINY, "trainer.epochs=1", "num_seeds=2", "--repeats", "1"]
    ran = []

    def note(ways, **_):
        ran.extend(way(tmp_path) for way in ways.values())
        return []

    monkeypatch.setattr(commands, "seeds_rows", note)
    assert main(words) == 0
    apart, together, in_turn, unstacked, stack = ran
    assert len(apart) == 2
    assert [len(way) for way in ran[1:]] == [1, 1, 1, 1]
    assert not [word for word in together[0] if word.startswith("trainer.stack")]
    assert "trainer.stack=off" in unstacked[0]
    for way, typed in ((in_turn, "trainer.stack=off"), (stack, "trainer.stack=2")):
        assert {"OMP_NUM_THREADS=1", typed} <= set(way[0])
    assert {"seed=0", "num_seeds=2", "trainer.epochs=1"} <= set(together[0])
    assert {"seed=1", "num_seeds=1", "trainer.epochs=1"} <= set(apart[1])
    assert not {"seed=0", "num_seeds=2"} & set(apart[1])


def test_what_a_timed_command_fails_with_is_the_exit_code(capsys, monkeypatch):
    monkeypatch.setattr(commands, "CLIPBENCH", (sys.executable, "-c", "raise SystemExit(5)"))
    assert main(["bench", "seeds", *TINY, "num_seeds=2", "--repeats", "1"]) == 5
    assert "a command to be timed ended with 5" in capsys.readouterr().err
