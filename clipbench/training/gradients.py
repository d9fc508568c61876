"""The gradients of one step: their global norm, the share of the thresholds, and clipping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from clipbench.clips.base import sites
from clipbench.grad_clips.base import GradClip, Kind, State, Weight


def global_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Return the L2 norm over all gradients together, as a 0-d tensor; zero if there are none."""
    if not gradients:
        return torch.zeros(())
    # What torch.nn.utils.get_total_norm does, less its sorting of tensors by device.
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm([*gradients])))


def labelled_weights(model: nn.Module) -> list[Weight]:
    """Return every parameter of ``model``, each once, labelled by its place.

    Everything inside a clip is a threshold; the rest of the child called ``head`` is the head.
    """
    return [Weight(parameter, kind) for parameter, kind in _kinds(model)]


def gradients_of(weights: Iterable[Tensor]) -> list[Tensor]:
    """Return the gradients of those parameters that have one.

    A threshold that only feeds a comparison has none.
    """
    return [weight.grad for weight in weights if weight.grad is not None]


def clip_gradients(weights: Sequence[Weight], grad_clip: GradClip, *, state: State) -> State:
    """Replace the gradients by clipped ones, and return the new state of the gradient clip.

    Parameters without a gradient are left out.
    """
    owners = [weight for weight in weights if weight.value.grad is not None]
    with torch.no_grad():  # the parameters' own norms must not become part of a graph
        gradients = gradients_of(owner.value for owner in owners)
        clipped, state = grad_clip(gradients, weights=owners, state=state)
    for owner, gradient in zip(owners, clipped, strict=True):
        owner.value.grad = gradient
    return state


def threshold_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return every parameter that lives inside a clip, each once, in the order of the sites."""
    return [parameter for clip in sites(model).values() for parameter in clip.parameters()]


def _kinds(model: nn.Module) -> Iterator[tuple[nn.Parameter, Kind]]:
    thresholds = {id(parameter) for parameter in threshold_parameters(model)}
    head = getattr(model, "head", None)
    in_head = {id(p) for p in head.parameters()} if isinstance(head, nn.Module) else set()
    for parameter in model.parameters():
        if id(parameter) in thresholds:
            yield parameter, "thresholds"
        elif id(parameter) in in_head:
            yield parameter, "head"
        else:
            yield parameter, "weights" if parameter.ndim >= 2 else "biases"
