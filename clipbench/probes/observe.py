"""How a quantity is measured: the contract of every probe, and the block in which probes watch.

Layers measure nothing themselves. Inside ``with observe(model, probes):`` hooks hand the inputs and
outputs of each clip to each probe; outside it the model carries no hook and pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from clipbench.clips.base import Clip, sites
from clipbench.records.histogram import Histogram


class Probe:
    """Measures one quantity over every batch of a split, for every site.

    `update` keeps sums on the device of the tensors and never waits for it; `compute` reads them
    once. A site that has shown no element has no tag: a share of nothing is not a number.
    """

    def reset(self) -> None:
        """Forget everything seen so far; `observe` begins with it."""
        raise NotImplementedError(f"{type(self).__name__} has no reset.")

    def update(self, site: str, clip: Clip, inputs: Tensor, outputs: Tensor) -> None:
        """Take in one batch of a site: what its clip was given, and what it gave.

        Args:
            site: Path of the module that owns the clip.
            clip: The clip.
            inputs: ``(N, C)`` or ``(N, C, H, W)``.
            outputs: The same shape.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update.")

    def update_pooled(self, site: str, outputs: Tensor) -> None:
        """Take in what the pooling after the clip gave; most probes do not look at it."""

    def compute(self) -> dict[str, float]:
        """Give the measured values by tag."""
        raise NotImplementedError(f"{type(self).__name__} has no compute.")

    def histograms(self) -> dict[str, Histogram]:
        """Give the measured histograms by tag; most probes have none."""
        return {}


@contextmanager
def observe(model: nn.Module, probes: Sequence[Probe]) -> Iterator[None]:
    """Let fresh probes watch every forward pass of a model in evaluation mode.

    Args:
        model: The model itself, not what ``torch.compile`` made of it.
        probes: They are reset first, so that they hold this block alone.

    Raises:
        RuntimeError: A forward pass was in training mode.
    """
    for probe in probes:
        probe.reset()
    with ExitStack() as hooks:
        for site, clip in sites(model).items():
            handle = clip.register_forward_hook(_watch_clip(site, clip, probes))
            hooks.callback(handle.remove)
            pool = getattr(model.get_submodule(site), "pool", None)
            if isinstance(pool, nn.Module) and not isinstance(pool, nn.Identity):
                handle = pool.register_forward_hook(_watch_pool(site, probes))
                hooks.callback(handle.remove)
        yield


Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]


def _watch_clip(site: str, clip: Clip, probes: Sequence[Probe]) -> Hook:
    def watch(_: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
        if clip.training:
            raise RuntimeError(
                f"Probes measure in evaluation mode, got a forward pass of {site} in training mode."
            )
        with torch.no_grad():
            for probe in probes:
                probe.update(site, clip, inputs[0].detach(), outputs.detach())

    return watch


def _watch_pool(site: str, probes: Sequence[Probe]) -> Hook:
    def watch(_: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
        with torch.no_grad():
            for probe in probes:
                probe.update_pooled(site, outputs.detach())

    return watch
