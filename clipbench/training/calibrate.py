"""Sets thresholds that have a data rule from the first clean batch, once, before training.

The sites are met in forward order within one forward pass, so that each sees what the sites before
it let through once they are calibrated. Batch norm uses the statistics of the batch and keeps its
running ones; dropout is off; no generator is used. Weights never change here.
"""

from __future__ import annotations

from contextlib import ExitStack

import torch
from torch import Tensor, nn

from clipbench.clips.base import Clip, sites
from clipbench.models.batch_statistics import batch_statistics


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
        stack.enter_context(batch_statistics(model.eval()))
        model(images)
    model.train(was_training)
