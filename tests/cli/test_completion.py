"""Tab completion through the subcommand, asked as the shell asks."""

import os
import subprocess
import sys

import pytest


def complete(line: str) -> set[str]:
    environment = {**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line))}
    command = [sys.executable, "-m", "clipbench.cli.main", "--shell-completion", "query=bash"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("clipbench ", {"train", "eval", "data", "doctor"}),
        ("clipbench tr", {"train"}),
        ("clipbench train mo", {"model="}),
        ("clipbench train clip=l", {"clip=learnable", "clip=leaky_relu"}),
        ("clipbench train clip=learnable clip.i", {"clip.init="}),
        ("clipbench train trainer.ep", {"trainer.epochs="}),
        ("clipbench train experiment=s", {"experiment=smoke"}),
        ("clipbench train -m clip=mas", {"clip=masked"}),
        ("clipbench train --c", {"--cfg", "--config-dir"}),
        ("clipbench train model=cnn --mu", {"--multirun"}),
        ("clipbench bench s", {"seeds", "step", "startup", "schedule="}),
        ("clipbench bench step clip=l", {"clip=learnable", "clip=leaky_relu"}),
        ("clipbench bench --", {"--against", "--shape"}),
    ],
)
def test_commands_groups_options_and_keys_complete(line, wanted):
    assert wanted <= complete(line)


def test_what_does_not_fit_is_not_offered():
    assert complete("clipbench tr") == {"train"}
    assert not any(
        "relu" in word for word in complete("clipbench train clip=lea") - {"clip=leaky_relu"}
    )


def test_a_line_that_hydra_refuses_gets_no_answer_and_no_noise():
    assert complete("clipbench train --config-dir ") == set()


def test_the_shell_function_can_be_installed():
    command = [sys.executable, "-m", "clipbench.cli.main", "--shell-completion", "install=bash"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "complete" in done.stdout
