"""Runs a module on the statistics of the batch without letting it remember them.

Before training, running statistics say nothing yet; what a layer will see in training is its batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def batch_statistics(module: nn.Module) -> Iterator[None]:
    """Put batch norm inside ``module`` into training mode, its running statistics untouched.

    Modes come back at the end. Everything that is no batch norm keeps its own.
    """
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    before = [(norm.training, norm.track_running_stats) for norm in norms]
    for norm in norms:
        norm.train()
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm, (training, tracked) in zip(norms, before, strict=True):
            norm.train(training)
            norm.track_running_stats = tracked
