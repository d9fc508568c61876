"""What holds for every test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

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


def _forget_handlers() -> None:
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in root.handlers[:]:
        if not type(handler).__module__.startswith("_pytest"):
            root.removeHandler(handler)
            handler.close()
