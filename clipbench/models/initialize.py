"""Draw a model's weights: the same numbers for every clip, scaled by what the clip lets through.

A layer of fan-in n with weights N(0, 1/n) keeps the second moment of its inputs. A clip f changes
it from 1 to E[f(z)^2], z ~ N(0, 1), so the layer that a clip feeds is multiplied by

    gain = 1 / sqrt(E[f(z)^2])

which is sqrt(2) for ReLU (He et al. 2015, arXiv 1502.01852) and 100 for a clamp at 0.01: one gain
for all clips would mostly compare how badly each is served by ReLU's. The moments come from
quadrature of the clip itself, so a new clip needs no table entry.

`edge_of_chaos` is the line of Poole et al. 2016 (arXiv 1606.05340) and Schoenholz et al. 2017
(arXiv 1611.01232) at unit variance:

    sigma_w^2 = 1 / E[f'(z)^2],   sigma_b^2 = 1 - sigma_w^2 E[f(z)^2]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from clipbench.models.batch_statistics import batch_statistics

Scheme = Literal["gain", "shared", "edge_of_chaos"]

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)

# Elements in the quadrature of one clip, spread over its features: 2^16 bring the gains of the
# field's clips to 1e-4 or better, jumps included, in a few milliseconds.
NODES = 2**16

# E[f^2] and E[f'^2] carry the quadrature's error, so ReLU's sigma_b^2 = 0 may come out below zero.
ROUNDING = 1e-3


class Moments(NamedTuple):
    """Second moments of a clip and of its derivative for N(0, 1) inputs."""

    square: float
    slope_square: float


class Fed(NamedTuple):
    """A layer of the model's own, and the clip that feeds it: None before the first clip."""

    layer: nn.Linear | nn.Conv2d
    clip: nn.Module | None
    clip_features: int


IDENTITY = Moments(square=1.0, slope_square=1.0)


@lru_cache(maxsize=16)
def normal_nodes(num_features: int) -> Tensor:
    """Give a (Q, num_features) sample of N(0, 1) whose plain mean is a quadrature.

    The normal is cut into Q * num_features bins of equal mass and every bin is represented by its
    root mean square, so that z^2 is integrated without error. Equal mass instead of a weighted
    grid, and shuffled columns, because a clip may look at the whole sample (a mask of the largest
    k): each row has to look like a sample of the normal. Kept, because sites of a width share it.
    """
    rows = max(NODES // num_features, 1024)
    bins = rows * num_features
    edges = torch.special.ndtri(torch.linspace(0.0, 1.0, bins + 1, dtype=torch.float64))
    # The density times the edge; at the infinite edges it is 0, which inf * 0 would not give.
    tail = (torch.exp(-0.5 * edges**2) / math.sqrt(2 * math.pi) * edges).nan_to_num(0.0)
    square = 1.0 + bins * (tail[:-1] - tail[1:])
    middle = 0.5 * (torch.arange(bins, dtype=torch.float64) * 2 + 1) / bins - 0.5
    nodes = square.clamp_min(0.0).sqrt().copysign(middle).reshape(rows, num_features)
    order = torch.rand(nodes.shape, generator=torch.Generator().manual_seed(0)).argsort(dim=0)
    return nodes.gather(0, order)


def moments(clip: Callable[[Tensor], Tensor], *, num_features: int) -> Moments:
    """Integrate E[f(z)^2] and E[f'(z)^2] over z ~ N(0, 1).

    The derivative is autograd's at the nodes: a surrogate's, where the clip declares one, and
    without the jump, where the clip has one. Where channels differ this is their average.

    Args:
        clip: The function; called once on a float64 (Q, num_features) tensor. Norms inside it use
            the statistics of that tensor and forget them.
        num_features: Channels of the clip's input.
    """
    nodes = normal_nodes(num_features).clone().requires_grad_()
    with torch.enable_grad(), _as_in_training(clip):
        answer = clip(nodes)
        total = answer.sum()
    slope = None
    if total.requires_grad:
        (slope,) = torch.autograd.grad(total, nodes, allow_unused=True)
    return Moments(
        square=answer.detach().square().mean().item(),
        slope_square=0.0 if slope is None else slope.square().mean().item(),
    )


def _as_in_training(clip: Callable[[Tensor], Tensor]) -> AbstractContextManager[None]:
    return batch_statistics(clip) if isinstance(clip, nn.Module) else nullcontext()


def gain(clip: Callable[[Tensor], Tensor], *, num_features: int) -> float:
    """Factor for N(0, 1/fan_in) weights after this clip that brings its output back to moment 1.

    Raises:
        ValueError: If the clip answers 0 to (almost) every normal input.
    """
    return _gain(moments(clip, num_features=num_features))


def initialize(model: nn.Module, *, scheme: Scheme, generator: torch.Generator) -> None:
    """Draw all weights from `generator`, then scale each layer for the clip that feeds it.

    The draws do not depend on clip or scheme: one normal number a weight, layer after layer in
    registration order, then one a bias. So two clips given the same seed start from the same
    weights up to one factor a layer. Norms get weight 1 and bias 0; biases are 0 except under
    `edge_of_chaos`. Layers inside clips are drawn last, so that they shift nothing outside, as
    N(0, 1/fan_in) with biases 0 under every scheme; other parameters there are the clip's own.

    Schemes: `gain` multiplies each layer by the gain of its clip and leaves the first, which sees
    normalised images, alone. `shared` multiplies every layer by sqrt(2) whatever the clip: He's
    factor for ReLU, which most published comparisons use for all arms. `edge_of_chaos` is in the
    module's docstring; a layer whose bias a norm makes useless has none, and goes without.

    Args:
        model: Parameters on the CPU; a clip is the attribute `clip` of its parent module and feeds
            the layers registered after it.
        scheme: One of the above.
        generator: CPU generator; nothing else is drawn from.

    Raises:
        ValueError: If a clip has no gain, or no edge of chaos, or the scheme is unknown.
        TypeError: If a parameter outside the clips belongs to no layer known here.
    """
    fed = list(_fed_layers(model))
    weights = [_normal(part.layer.weight, generator) for part in fed]
    biases = [
        None if part.layer.bias is None else _normal(part.layer.bias, generator) for part in fed
    ]
    for owned in _clips(model):
        _draw_inside(owned, generator)
    found = _moments_by_clip(fed)
    with torch.no_grad():
        for (layer, clip, _), weight, bias in zip(fed, weights, biases, strict=True):
            sigma_w, sigma_b = _sigmas(scheme, found[clip])
            layer.weight.copy_(weight * (sigma_w / math.sqrt(layer.weight[0].numel())))
            if layer.bias is not None and bias is not None:
                layer.bias.copy_(bias * sigma_b)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    # Always float32 on the CPU, so that devices and dtypes start from the same numbers.
    return torch.randn(like.shape, generator=generator, dtype=torch.float32, device="cpu")


def _clips(model: nn.Module) -> list[nn.Module]:
    """Find the clips in registration order; each is the attribute `clip` of its parent."""
    found = (getattr(owner, "clip", None) for owner in model.modules())
    return list(dict.fromkeys(clip for clip in found if isinstance(clip, nn.Module)))


def _fed_layers(model: nn.Module) -> Iterator[Fed]:
    """Walk the modules in registration order, keeping the last clip seen and its features."""
    clips = {id(clip) for clip in _clips(model)}
    inside: set[int] = set()
    last: nn.Module | None = None
    features, clip_features = 0, 0
    for module in model.modules():
        if id(module) in inside:
            continue
        if id(module) in clips:
            inside.update(id(part) for part in module.modules())
            last, clip_features = module, features
        elif isinstance(module, nn.Linear | nn.Conv2d):
            features = module.weight.shape[0]
            yield Fed(module, last, clip_features)
        elif isinstance(module, NORMS):
            module.reset_parameters()  # draws nothing: weight 1, bias 0
        elif next(module.parameters(recurse=False), None) is not None:
            raise TypeError(
                f"initialize draws Linear and Conv2d and resets norms, got {type(module).__name__}"
                " with parameters of its own."
            )


def _draw_inside(clip: nn.Module, generator: torch.Generator) -> None:
    """Give the layers inside a clip weights N(0, 1/fan_in) and biases 0, and reset its norms."""
    for part in clip.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            with torch.no_grad():
                numbers = _normal(part.weight, generator)
                part.weight.copy_(numbers / math.sqrt(part.weight[0].numel()))
                if part.bias is not None:
                    part.bias.zero_()
        elif isinstance(part, NORMS):
            part.reset_parameters()


def _moments_by_clip(fed: list[Fed]) -> dict[nn.Module | None, Moments]:
    """Integrate each clip that feeds a layer once; None, which is the images, is the identity."""
    found: dict[nn.Module | None, Moments] = {None: IDENTITY}
    for _, clip, features in fed:
        if clip not in found:
            assert clip is not None
            found[clip] = moments(clip, num_features=features)
    return found


def _sigmas(scheme: Scheme, clip_moments: Moments) -> tuple[float, float]:
    """Standard deviations of weights (times sqrt(fan_in)) and biases."""
    if scheme == "gain":
        return _gain(clip_moments), 0.0
    if scheme == "shared":
        return math.sqrt(2.0), 0.0
    if scheme == "edge_of_chaos":
        return _edge_of_chaos(clip_moments)
    raise ValueError(f"init must be gain, shared or edge_of_chaos, got {scheme!r}.")


def _gain(clip_moments: Moments) -> float:
    if not (clip_moments.square > 0.0 and math.isfinite(clip_moments.square)):
        raise ValueError(
            "init=gain needs a clip with 0 < E[f(z)^2] < inf for normal z,"
            f" got {clip_moments.square}: it passes nothing, or too much, to the next layer."
        )
    return 1.0 / math.sqrt(clip_moments.square)


def _edge_of_chaos(clip_moments: Moments) -> tuple[float, float]:
    square, slope_square = clip_moments
    if not slope_square > 0.0:
        raise ValueError(
            "init=edge_of_chaos needs a clip with a derivative, got E[f'(z)^2] = 0: this clip has"
            " no edge of chaos at unit variance."
        )
    bias_variance = 1.0 - square / slope_square
    if bias_variance < -ROUNDING:
        raise ValueError(
            "init=edge_of_chaos needs sigma_b^2 = 1 - E[f(z)^2] / E[f'(z)^2] >= 0, got"
            f" {bias_variance:.3f}: this clip has no edge of chaos at unit variance."
        )
    return 1.0 / math.sqrt(slope_square), math.sqrt(max(bias_variance, 0.0))
