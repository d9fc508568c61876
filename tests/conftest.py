"""What holds for every test."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

# More than one thread would only make tiny tensors slower, and golden numbers hold at one.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _plain_logging() -> Iterator[None]:
    """Undo what a run does to logging: Hydra configures it for the whole process."""
    _forget_handlers()
    yield
    _forget_handlers()


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the smallest run once, for tests that damage copies of it."""
    from clipbench.cli.main import main
    from scripts.campaign_malformed import prepare
    from scripts.isolated import isolated

    prepare()
    run = tmp_path_factory.mktemp("smoke") / "run"
    words = ["train", "experiment=smoke", "trainer.device=cpu", f"hydra.run.dir={run}"]
    done = isolated(lambda: main(words), seconds=120)
    assert done.code == 0, done.err
    return run


def _forget_handlers() -> None:
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in root.handlers[:]:
        if not type(handler).__module__.startswith("_pytest"):
            root.removeHandler(handler)
            handler.close()
