"""Sort a model's parameters into weights, biases and thresholds, and say which of them decay.

Where a parameter sits decides, never its name: everything inside a clip is a threshold and follows
the decay policy of its clip's class. Outside the clips matrices and kernels decay, biases and the
parameters of norms do not.
"""

from __future__ import annotations

from typing import Literal

from torch import nn

from clipbench.clips.base import sites
from clipbench.optim.rates import LabelledGroup, Role

Decay = Literal["weights", "none"]

# The order of the groups, fixed so that an optimizer's state always finds its parameters again.
KINDS: tuple[tuple[Role, Decay], ...] = (
    ("weights", "weights"),
    ("biases", "none"),
    ("thresholds", "none"),
    ("thresholds", "weights"),
)


def param_groups(model: nn.Module) -> list[LabelledGroup]:
    """Put every parameter into exactly one group; groups without parameters are left out."""
    policy: dict[int, Decay] = {
        id(parameter): clip.threshold_decay
        for clip in sites(model).values()
        for parameter in clip.parameters()
    }
    found: dict[tuple[Role, Decay], list[nn.Parameter]] = {kind: [] for kind in KINDS}
    for parameter in model.parameters():
        found[_kind(parameter, policy.get(id(parameter)))].append(parameter)
    return [
        LabelledGroup(params=parameters, role=role, decay=decay)
        for (role, decay), parameters in found.items()
        if parameters
    ]


def _kind(parameter: nn.Parameter, threshold_decay: Decay | None) -> tuple[Role, Decay]:
    if threshold_decay is not None:
        return "thresholds", threshold_decay
    return ("weights", "weights") if parameter.ndim >= 2 else ("biases", "none")
