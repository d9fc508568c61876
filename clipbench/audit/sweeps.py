"""What happens to a module when its parameters, or its dtype, take values that training can reach.

An optimizer writes whatever the gradient says: a threshold may become negative, zero, tiny or huge.
At each such value a module should still tell inputs apart, stay finite, and have a gradient that
can bring it back.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from clipbench.audit.finding import Finding, warning
from clipbench.audit.inputs import audit_inputs
from clipbench.audit.resolution import least_step

HUGE = 1e30
RAWS = (-1.0, 0.0, 1e-30, HUGE)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
# A usual rate: what an Adam-like optimizer moves a parameter by in one step.
USUAL_STEP = 1e-3


def sign_sweep(module: nn.Module) -> list[Finding]:
    """Write -1, 0, a tiny and a huge number into each parameter in turn, and look what is left."""
    return [
        finding
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
        for raw in RAWS
        for finding in _at(module, name, raw)
    ]


def dtype_sweep(module: nn.Module, *, own: torch.dtype = torch.float32) -> list[Finding]:
    """Run a module in float32, bfloat16 and float16, and look what its parameters become.

    Args:
        module: any module that keeps shape and dtype.
        own: the least precise dtype among the parameters as the module was made.
    """
    findings = []
    for dtype in DTYPES:
        findings += _in(module, dtype, own=own)
    return findings


def _at(module: nn.Module, name: str, raw: float) -> list[Finding]:
    twin = copy.deepcopy(module)
    parameter = twin.get_parameter(name)
    with torch.no_grad():
        parameter.fill_(raw)
    x = torch.cat([audit_inputs(twin)[:64], audit_inputs(module)[:64]])
    where = f"at {raw:g}"
    try:
        output = twin(x)
    except Exception as error:  # noqa: BLE001 -- whatever a stranger's module raises is the finding
        text = " ".join(str(error).split())[:80]
        reason = f"{where} forward raises {type(error).__name__} ({text})"
        return [warning(name, reason, "keep it in its domain, as positivity or a projection does")]
    if not output.isfinite().all():
        return [warning(name, f"{where} the output is not finite", "bound it to its domain")]
    # A huge lower threshold shuts everything off, as it should; no other value may.
    if raw < HUGE and output.detach().std() == 0:
        reason = f"{where} every input gives {output.flatten()[0].item():g}"
        return [warning(name, reason, "keep it in its domain, as positivity or a projection does")]
    if not output.requires_grad:
        return []
    (gradient,) = torch.autograd.grad(output.square().sum(), parameter, allow_unused=True)
    if gradient is not None and not gradient.isfinite().all():
        return [warning(name, f"{where} its gradient is not finite", "bound it to its domain")]
    return []


def _in(module: nn.Module, dtype: torch.dtype, *, own: torch.dtype) -> list[Finding]:
    twin = copy.deepcopy(module).to(dtype)
    x = audit_inputs(module)[:256].to(dtype)
    try:
        output = twin(x)
    except RuntimeError as error:
        reason = f"it does not run in {_name(dtype)} ({str(error).splitlines()[0][:80]})"
        return [warning("forward", reason, "bring thresholds to the dtype of the input")]
    findings = []
    if output.dtype != dtype:
        reason = f"it turns {_name(dtype)} into {_name(output.dtype)}"
        findings.append(warning("forward", reason, "bring thresholds to the dtype of the input"))
    if not output.isfinite().all():
        reason = f"in {_name(dtype)} the output is not finite"
        findings.append(warning("forward", reason, "fill with finite numbers of that dtype"))
    for name, parameter in twin.named_parameters():
        if not parameter.requires_grad:
            continue
        findings += _stands_still(name, parameter, convicts=parameter.dtype == own)
    return findings


def _stands_still(name: str, parameter: Tensor, *, convicts: bool) -> list[Finding]:
    """Compare a usual step with the smallest that is not lost."""
    least = least_step(parameter).max().item()
    # A number too large for the dtype has become infinite, which the output shows.
    if not USUAL_STEP < least < float("inf") or parameter.dtype == torch.float32:
        return []
    dtype = _name(parameter.dtype)
    when = f"it is {dtype}, in which" if convicts else f"after .to({dtype})"
    reason = f"{when} a step of {USUAL_STEP:g} is lost, it needs {least:.1e}"
    return [Finding(name, reason, "keep it in float32", convicts)]


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
