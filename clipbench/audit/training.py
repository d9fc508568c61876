"""Whether an optimizer can move the thresholds of a model: what the two say before any step.

Four things are looked at for every parameter inside a clip: whether the optimizer holds it, whether
it is frozen, whether a step is lost in its dtype, and whether its decay is the one its clip's class
asks for. A tensor that wants a gradient but is no parameter is found too: nothing that collects
parameters sees it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from clipbench.audit.finding import Finding
from clipbench.audit.groups import Group, decay_of, group_of, rate_of, steps_by_rate
from clipbench.audit.loose import loose_tensors
from clipbench.audit.resolution import least_step
from clipbench.clips.base import Clip, sites


@dataclass(frozen=True)
class _Held:
    """A parameter of a clip, and the group of the optimizer that holds it."""

    subject: str
    clip: Clip
    parameter: nn.Parameter
    group: Group | None


def audit_training(
    model: nn.Module, optimizer: Optimizer, *, penalised: bool = False
) -> list[Finding]:
    """Find what keeps an optimizer from moving the thresholds, or pulls them where no loss does.

    Nothing is changed and no step is taken. A model without learned thresholds gives no finding.

    Args:
        model: its clips are found by `sites`; every parameter inside a clip counts.
        optimizer: as it will train the model; a scheduler may have changed its rates already.
        penalised: whether a penalty on the thresholds is added to the loss, which pulls down what
            no decay does.
    """
    findings = []
    for site, clip in sites(model).items():
        for name, tensor in loose_tensors(clip):
            findings.append(_no_parameter(f"{site}/{name}", group_of(optimizer, tensor)))
        for name, parameter in clip.named_parameters():
            subject = f"{site}/{name.removesuffix('.raw')}"
            held = _Held(subject, clip, parameter, group_of(optimizer, parameter))
            findings += _of_parameter(held, penalised=penalised)
    return findings


def _of_parameter(held: _Held, *, penalised: bool) -> Iterable[Finding]:
    if not held.parameter.requires_grad:
        return [_no_grad(held)]
    if held.group is None:
        return [_not_in_optimizer(held)]
    if rate_of(held.group) == 0.0:
        return [_rate_zero(held)]
    found = [_lost_in_dtype(held, held.group), _decays(held, held.group)]
    if not penalised:
        found.append(_lacks_decay(held, held.group))
    return [finding for finding in found if finding is not None]


def _no_parameter(subject: str, group: Group | None) -> Finding:
    outcome = "no optimizer gets it from the model" if group is None else "nothing saves it"
    return Finding(
        subject,
        f"it wants a gradient but is no registered parameter: {outcome}",
        "make it an nn.Parameter (in an nn.ParameterList, where there are several)",
        convicts=group is None,
    )


def _not_in_optimizer(held: _Held) -> Finding:
    return Finding(
        held.subject,
        "no group of the optimizer holds it",
        "make the optimizer from param_groups(model), after every parameter has been made",
        convicts=True,
    )


def _no_grad(held: _Held) -> Finding:
    return Finding(
        held.subject,
        "it is frozen: requires_grad is False",
        "set requires_grad_(True), or make it a buffer if it is not to learn",
        convicts=True,
    )


def _rate_zero(held: _Held) -> Finding:
    return Finding(
        held.subject,
        "it is frozen: its learning rate is 0",
        "give its group of the optimizer a rate above 0",
        convicts=True,
    )


def _lost_in_dtype(held: _Held, group: Group) -> Finding | None:
    """Compare a step of about the rate with the dtype; steps that scale with a gradient are left.

    A burst after a long silence makes Adam's step a few times the rate; it is not waited for.
    """
    if not steps_by_rate(group):
        return None
    least = least_step(held.parameter)
    lost = int(torch.count_nonzero(rate_of(group) < least))
    if lost == 0:
        return None
    channels = "" if least.dim() == 0 else f" in {lost} of {least.numel()} channels"
    dtype = str(held.parameter.dtype).removeprefix("torch.")
    return Finding(
        held.subject,
        f"a step of {rate_of(group):.2g} is lost in {dtype}, which needs {least.max():.2g} "
        f"here{channels}",
        "keep the parameter in float32, or raise its rate (optim.threshold_lr_scale)",
        convicts=lost == least.numel(),
    )


def _decays(held: _Held, group: Group) -> Finding | None:
    share = decay_of(group)
    if held.clip.threshold_decay == "weights" or share == 0.0:
        return None
    size = (
        "by way of its gradient"
        if share is None
        else f"by {100 * rate_of(group) * share:.2g} % a step"
    )
    return Finding(
        held.subject,
        f"it decays towards 0 {size}, though {type(held.clip).__name__} asks for no decay",
        "set optim.threshold_weight_decay=null, or weight_decay=0 in its group",
        convicts=False,
    )


def _lacks_decay(held: _Held, group: Group) -> Finding | None:
    if held.clip.threshold_decay == "none" or decay_of(group) != 0.0:
        return None
    return Finding(
        held.subject,
        f"it does not decay, though {type(held.clip).__name__} asks for the decay of the weights",
        "set optim.threshold_weight_decay > 0, or add regularizer=threshold_l2",
        convicts=False,
    )
