import logging
import subprocess
import sys

import pytest

from clipbench.cli.main import COMMANDS, main


def loaded_after(*arguments: str) -> set[str]:
    """Names of the packages that a command has imported when it ends."""
    code = (
        "import sys\nfrom clipbench.cli.main import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize("arguments", [(), ("--help",), ("trian",)], ids=str)
def test_finding_the_command_imports_neither_torch_nor_hydra(arguments):
    assert not {"torch", "hydra", "omegaconf", "numpy"} & loaded_after(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [("ls",), ("ls", "clips"), ("ls", "clips", "learnable"),
     ("data", "list"), *((command, "--help") for command in COMMANDS)],
    ids=" ".join,
)  # fmt: skip
def test_help_and_lists_do_without_torch(arguments):
    assert not {"torch", "torchvision"} & loaded_after(*arguments)


def test_bare_usage_names_every_command(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)
    assert "examples:" in shown


@pytest.mark.parametrize(
    ("word", "hint"),
    [("trian", "'train'"), ("evl", "'eval'"), ("model=cnn", "'clipbench train model=cnn'")],
)
def test_a_wrong_command_is_answered_with_the_nearest(word, hint, capsys):
    assert main([word]) == 2
    said = capsys.readouterr()
    assert hint in said.err
    assert len(said.err.splitlines()) <= 3


@pytest.mark.parametrize("command", [name for name in COMMANDS])
def test_every_help_ends_in_examples(command):
    done = subprocess.run(
        [sys.executable, "-m", "clipbench.cli.main", command, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    after = done.stdout.partition("examples:")[2]
    assert f"clipbench {command}" in after


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("clipbench 0.")


def test_a_stop_before_a_run_trains_is_said_in_one_line(monkeypatch, capsys):
    def stopped(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("clipbench.cli.ls.main", stopped)
    assert main(["ls"]) == 130
    assert capsys.readouterr().err == "clipbench: stopped\n"


def test_a_reader_that_has_gone_is_no_error():
    command = f"{sys.executable} -m clipbench.cli.main ls clips | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_a_log_without_room_shows_no_traceback(monkeypatch, capsys):
    monkeypatch.setattr(logging, "raiseExceptions", True)
    assert main(["ls", "models"]) == 0
    log = logging.FileHandler("/dev/full")
    log.emit(logging.makeLogRecord({"msg": "no room for this"}))
    assert capsys.readouterr().err == ""
    with pytest.raises(OSError, match="No space"):  # it was the disk that said nothing
        log.close()


def test_what_an_error_holds_steers_no_terminal(capsys):
    from clipbench.cli.errors import complain
    from clipbench.data.sources import DataError

    complain(DataError("mnist: answers 503 \x1b[31mlater\n  Try again."))
    assert capsys.readouterr().err == "clipbench: mnist: answers 503 \\x1b[31mlater\n  Try again.\n"
