"""`clipbench data`: what it prints, and its exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from clipbench.cli import data
from clipbench.cli.data import main
from clipbench.data.arrays import Arrays
from clipbench.data.sources import BuiltIn, Source, SourceError
from tests.data.tiny_files import file_set, grey

ARRAYS = grey()


def give() -> Arrays:
    return ARRAYS


def fail() -> Arrays:
    raise SourceError("down")


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the sets by three small ones, and the cache by an empty folder."""
    sets = {
        "good": file_set(ARRAYS, Source(name="somewhere", read=give), name="good"),
        "gone": file_set(ARRAYS, Source(name="nowhere", read=fail), name="gone"),
        "inside": BuiltIn(name="inside", contents="3 images", kept="bundled with something"),
    }
    monkeypatch.setattr(data, "known_sets", lambda: sets)
    monkeypatch.setenv("CLIPBENCH_DATA", str(tmp_path / "root"))
    return tmp_path / "root"


def test_list_says_where_each_set_is(capsys, root):
    assert main(["list"]) == 0
    good, gone, inside = capsys.readouterr().out.splitlines()
    assert good.split(maxsplit=1)[0] == "good"
    assert "6 + 4 images of 5x5, 3 classes" in good
    assert good.endswith("not cached")
    assert gone.endswith("not cached")
    assert inside.endswith("bundled with something")
    assert main(["get", "good"]) == 0
    capsys.readouterr()
    assert main(["list"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(f"cached in {root / 'good'}")


def test_get_names_the_source_also_the_second_time(capsys, root):
    for _ in range(2):
        assert main(["get", "good", "inside"]) == 0
        good, inside = capsys.readouterr().out.splitlines()
        assert str(root / "good") in good
        assert "from somewhere" in good
        assert "bundled" in inside


def test_get_into_another_root(capsys, tmp_path):
    assert main(["get", "good", "--root", str(tmp_path / "other")]) == 0
    assert (tmp_path / "other" / "good").is_dir()
    assert main(["list", "--root", str(tmp_path / "other")]) == 0
    assert str(tmp_path / "other" / "good") in capsys.readouterr().out


def test_a_set_that_cannot_be_had_exits_3_and_the_others_are_still_fetched(capsys, root):
    assert main(["get", "gone", "good"]) == 3
    output = capsys.readouterr()
    assert "nowhere: down" in output.err
    assert len(output.err.splitlines()) <= 3
    assert "good: verified" in output.out
    assert (root / "good").is_dir()


def test_offline(capsys):
    assert main(["get", "good", "--offline"]) == 3
    assert "somewhere: not asked (offline)" in capsys.readouterr().err


def test_verify(capsys, root):
    assert main(["verify"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["verify", "good"]) == 3
    assert "clipbench data get good" in capsys.readouterr().err
    main(["get", "good"])
    capsys.readouterr()
    assert main(["verify"]) == main(["verify", "good", "inside"]) == 0
    assert capsys.readouterr().out.count("good: verified (from somewhere)") == 2
    path = root / "good" / "test_images.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert main(["verify"]) == 3
    assert "another SHA-256" in capsys.readouterr().err


def test_a_disk_that_cannot_be_written_exits_6(capsys, root):
    root.write_text("a file where the folder should be")
    assert main(["get", "good"]) == 6
    assert str(root) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["get", "goood"], "did you mean 'good'?"),
        (["verify", "xyz"], "choose from good, gone, inside"),
        (["get"], "NAME"),
        ([], "list|get|verify"),
        (["fetch"], "invalid choice"),
    ],
)
def test_wrong_words_exit_2(capsys, arguments, hint):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["get", "--help"]])
def test_help_ends_in_examples(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert "examples:\n  clipbench data list" in capsys.readouterr().out


def test_the_real_list_needs_neither_torch_nor_hydra():
    script = """
import sys
from clipbench.cli.data import main
code = main(["list"])
assert not {"torch", "torchvision", "hydra", "omegaconf"} & set(sys.modules)
sys.exit(code)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    listed = [line.split()[0] for line in done.stdout.splitlines()]
    assert listed == ["cifar10", "cifar100", "digits", "fashion_mnist", "mnist", "synthetic"]
