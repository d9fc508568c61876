"""What a step minimises, and how many images it got right.

Without a regularizer that is the cross-entropy and nothing else is done. A regularizer wants to see
the sites: hooks are registered on them once, before anything is compiled or stacked, and hand over
what they see only while the loss is being computed, so that evaluation keeps nothing alive.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipbench.clips.base import Clip, sites
from clipbench.regularizers.base import Activation, Regularizer

Forward = Callable[[Tensor], Tensor]


class StepLoss(NamedTuple):
    """The loss of one batch.

    Attributes:
        total: What is minimised, 0-d.
        parts: Its summands by tag: ``train/loss``, and ``train/penalty`` where there is one.
        logits: ``(N, K)``.
    """

    total: Tensor
    parts: dict[str, Tensor]
    logits: Tensor


class PlainLoss:
    """The cross-entropy alone."""

    def __call__(
        self, forward: Forward, images: Tensor, *, labels: Tensor, share: float
    ) -> StepLoss:
        """Give the loss of a batch; ``share`` is for regularizers."""
        logits = forward(images)
        loss = cross_entropy(logits, labels)
        return StepLoss(loss, {"train/loss": loss}, logits)

    def close(self) -> None:
        """Do nothing: no hook was registered."""


class RegularizedLoss:
    """The cross-entropy and a penalty on what the sites of ``model`` do.

    The thresholds are read inside the forward pass, where ``functional_call`` has put those that
    count.
    """

    def __init__(self, model: nn.Module, regularizer: Regularizer) -> None:
        self._regularizer = regularizer
        self._seen: dict[str, tuple[Activation, dict[str, Tensor]]] | None = None
        self._handles = [
            clip.register_forward_hook(partial(self._note, site=site, learned=_learned(clip)))
            for site, clip in sites(model).items()
        ]

    def __call__(
        self, forward: Forward, images: Tensor, *, labels: Tensor, share: float
    ) -> StepLoss:
        """Give the loss of a batch.

        Args:
            forward: Maps images to logits through the sites: the model, or what ``torch.compile``
                or ``functional_call`` made of it.
            images: ``(N, C, H, W)``.
            labels: ``(N,)``.
            share: Share of all steps that are done, in [0, 1).
        """
        seen: dict[str, tuple[Activation, dict[str, Tensor]]] = {}
        self._seen = seen
        try:
            logits = forward(images)
        finally:
            self._seen = None
        loss = cross_entropy(logits, labels)
        activations = {site: activation for site, (activation, _) in seen.items()}
        thresholds = {site: values for site, (_, values) in seen.items()}
        weight = self._regularizer.weight(share)
        penalty = weight * self._regularizer(activations, thresholds)
        return StepLoss(loss + penalty, {"train/loss": loss, "train/penalty": penalty}, logits)

    def close(self) -> None:
        """Take the hooks off the model."""
        for handle in self._handles:
            handle.remove()

    def _note(
        self,
        clip: nn.Module,
        inputs: tuple[Tensor, ...],
        output: Tensor,
        *,
        site: str,
        learned: list[str],
    ) -> None:
        if self._seen is None:
            return
        if site in self._seen:
            raise RuntimeError(f"A regularizer needs each clip used once a pass, not '{site}'.")
        assert isinstance(clip, Clip)
        values = clip.thresholds()
        activation = _activation(self._regularizer, clip, inputs[0], output)
        self._seen[site] = (activation, {name: values[name] for name in learned})


Loss = PlainLoss | RegularizedLoss


def loss_for(model: nn.Module, regularizer: Regularizer | None) -> Loss:
    """Return what a run minimises; the caller closes it when the run ends."""
    return PlainLoss() if regularizer is None else RegularizedLoss(model, regularizer)


def can_act(regularizer: Regularizer, clip: Clip) -> bool:
    """Tell, by a trial, whether a penalty under this clip has a gradient for anything."""
    features = 1 if clip.num_features is None else clip.num_features
    x = torch.linspace(-3.0, 3.0, 4 * features).view(4, features)
    clip.calibrate(x)
    x.requires_grad_()
    values = clip.thresholds()
    activation = _activation(regularizer, clip, x, clip(x))
    learned = {name: values[name] for name in _learned(clip)}
    return regularizer({"": activation}, {"": learned}).requires_grad


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy (nats) of ``logits (N, K)`` against ``labels (N,)``.

    In float32 at least.
    """
    return F.cross_entropy(logits.to(torch.promote_types(logits.dtype, torch.float32)), labels)


def count_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Return how many labels have the highest logit, as a 0-d integer tensor on the device."""
    return (logits.argmax(dim=1) == labels).sum()


def _activation(regularizer: Regularizer, clip: Clip, x: Tensor, y: Tensor) -> Activation:
    return Activation(x, y, clip.active(x) if regularizer.needs_active else None)


def _learned(clip: Clip) -> list[str]:
    """Name the thresholds that training can move; the others would only add a constant."""
    return [name for name, value in clip.thresholds().items() if value.requires_grad]
