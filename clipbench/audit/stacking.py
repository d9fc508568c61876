"""Do stacked copies of a module, run under vmap, give what they give one by one?"""

from __future__ import annotations

import copy
import textwrap

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from clipbench.audit.finding import Finding, warning

COPIES = 3
AGREES = 1e-9


def stacking(module: nn.Module, x: Tensor) -> list[Finding]:
    """Compare gradients of ``COPIES`` copies with different parameters, stacked and one by one."""
    twins = [copy.deepcopy(module) for _ in range(COPIES)]
    with torch.no_grad():
        for number, twin in enumerate(twins):
            for parameter in twin.parameters():
                if parameter.requires_grad:
                    parameter.mul_(1 + 0.1 * number)
    parameters, buffers = stack_module_state(twins)
    xs = torch.stack([x * (1 + 0.1 * number) for number in range(COPIES)])

    def loss(parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(module, (parameters, buffers), (x,)).square().sum()

    try:
        together = vmap(grad(loss, argnums=(0, 2)))(parameters, buffers, xs)
    except Exception as error:  # noqa: BLE001 -- whatever a stranger's module raises is the finding
        said = textwrap.shorten(str(error), 100, placeholder=" ...")
        reason = f"it does not run under vmap ({said})"
        return [_apart(reason)]
    for number, (twin, own) in enumerate(zip(twins, xs, strict=True)):
        alone = grad(loss, argnums=(0, 2))(
            dict(twin.named_parameters()), dict(twin.named_buffers()), own
        )
        pairs = [(together[1][number], alone[1])]
        pairs += [(together[0][name][number], alone[0][name]) for name in alone[0]]
        if not all(torch.allclose(a, b, rtol=AGREES, atol=AGREES) for a, b in pairs):
            return [_apart("under vmap its gradients differ from those of one module at a time")]
    return []


def _apart(reason: str) -> Finding:
    remedy = "seeds cannot be stacked until it does; avoid reads of values and writes in place"
    return warning("forward", reason, remedy)
