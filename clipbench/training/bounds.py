"""Sets the bounds of clips that train without one, once training is over.

Such a clip is ReLU in training. Its bound is the largest output that its site gives over the
training part, clean and in evaluation mode, so that the bounded model answers every training image
exactly as the unbounded one did.
"""

from __future__ import annotations

from contextlib import ExitStack

import torch
from torch import Tensor, nn

from clipbench.clips.base import Clip, sites
from clipbench.data.batches import OrderedBatches
from clipbench.training.precision import Precision, autocast


def awaits_bounds(model: nn.Module) -> bool:
    """Say whether a clip of the model is to be bounded after training."""
    return bool(_bounded_later(model))


@torch.no_grad()
def set_bounds(model: nn.Module, batches: OrderedBatches, *, precision: Precision = "fp32") -> None:
    """Bound every such clip of the model by its largest output over all batches.

    All in one pass, in which no bound is changed; the model is put back into the mode it had.

    Raises:
        ValueError: There is no image, or an output is not finite.
    """
    clips = _bounded_later(model)
    largest: dict[str, Tensor] = {}

    def watch(site: str, clip: Clip) -> None:
        def keep_largest(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            here = output.amax()
            largest[site] = torch.maximum(largest[site], here) if site in largest else here

        stack.callback(clip.register_forward_hook(keep_largest).remove)

    was_training = model.training
    with ExitStack() as stack:
        stack.callback(model.train, was_training)
        model.eval()
        for site, clip in clips.items():
            watch(site, clip)
        for images, _ in batches:
            with autocast(images.device, precision):
                model(images)
    if largest.keys() != clips.keys():
        missed = ", ".join(sorted(clips.keys() - largest.keys()))
        raise ValueError(
            f"set_bounds needs at least one output of each site, got none of {missed}."
        )
    for site, clip in clips.items():
        clip.set_bound(largest[site])


def _bounded_later(model: nn.Module) -> dict[str, Clip]:
    return {site: clip for site, clip in sites(model).items() if clip.bounded_after_training}
