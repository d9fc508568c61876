"""Sets thresholds that have a data rule from the first clean batch, once, before training.

The sites are met in forward order within one forward pass, so that each sees what the sites before
it let through once they are calibrated. Batch norm uses the statistics of the batch and keeps its
running ones; dropout is off; no generator is used. Weights never change here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from clipbench.clips.base import Clip, sites


@torch.no_grad()
def calibrate(model: nn.Module, images: Tensor) -> None:
    """Let every clip of the model set its data-ruled thresholds from ``images (N, C, H, W)``."""

    def set_thresholds(clip: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(clip, Clip)
        clip.calibrate(inputs[0])

    was_training = model.training
    with ExitStack() as stack:
        for clip in sites(model).values():
            handle = clip.register_forward_pre_hook(set_thresholds)
            stack.callback(handle.remove)
        stack.enter_context(_batch_statistics(model))
        model(images)
    model.train(was_training)


@contextmanager
def _batch_statistics(model: nn.Module) -> Iterator[None]:
    """Put batch norm into training mode without letting it move its running statistics."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    tracked = [norm.track_running_stats for norm in norms]
    model.eval()
    for norm in norms:
        norm.train()
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm, track in zip(norms, tracked, strict=True):
            norm.track_running_stats = track
