"""Everything that can be asked of a module before it is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import nn

from clipbench.audit.chain import ChainRow, chain_table
from clipbench.audit.finding import Finding, convicted, warning
from clipbench.audit.gradient import GradientReport, judge
from clipbench.audit.inputs import audit_inputs
from clipbench.audit.registration import made_in_forward, unregistered
from clipbench.audit.stacking import stacking
from clipbench.audit.sweeps import dtype_sweep, sign_sweep
from clipbench.audit.ties import TieRow, tie_table
from clipbench.clips.base import Clip

Verdict = Literal["EXACT", "SURROGATE", "ZERO_ALMOST_EVERYWHERE", "NO_GRADIENT", "WRONG", "FIXED"]
# From the worst to the best: a module is as good as its worst parameter.
ORDER: tuple[Verdict, ...] = (
    "WRONG",
    "NO_GRADIENT",
    "ZERO_ALMOST_EVERYWHERE",
    "SURROGATE",
    "EXACT",
    "FIXED",
)


@dataclass(frozen=True)
class StaticReport:
    """What an audit found about one module.

    Attributes:
        verdict: that of its worst parameter; ``FIXED`` where nothing is learned.
        expected: the verdict its class declares; None for modules that are no clips.
        gradients: one report a parameter.
        findings: what keeps it, or may keep it, from learning.
        ties: what happens at the thresholds.
        chains: the chain factor under each parametrisation.
    """

    verdict: Verdict
    expected: Verdict | None
    gradients: Sequence[GradientReport]
    findings: Sequence[Finding]
    ties: Sequence[TieRow] = field(default=())
    chains: Sequence[ChainRow] = field(default=())

    @property
    def convicts(self) -> bool:
        """Whether something cannot learn."""
        return convicted(self.findings)

    @property
    def surprises(self) -> bool:
        """Whether the verdict is not the one the class declares."""
        return self.expected is not None and self.verdict != self.expected


def audit_gradients(make: Callable[..., nn.Module]) -> StaticReport:
    """Ask the questions that decide the verdict; a tenth of a second.

    Args:
        make: makes the module anew, with the keyword arguments that are to differ; a clip is made
            for ``inputs.FEATURES`` features, or any other number.
    """
    module = _made(make).eval()
    unlisted = unregistered(module)
    module = module.double()
    x = audit_inputs(module)
    anew = made_in_forward(module, x)
    findings = [*unlisted, *anew]
    skipped = {finding.subject for finding in anew}
    gradients = [report for report in judge(module, x) if report.name not in skipped]
    findings += [finding for report in gradients for finding in _of_gradient(report)]
    verdicts: list[Verdict] = [report.verdict for report in gradients]
    if unlisted or anew:
        verdicts.append("NO_GRADIENT")
    verdict = min(verdicts, key=ORDER.index) if verdicts else ORDER[-1]
    expected = module.verdict if isinstance(module, Clip) else None
    return StaticReport(verdict, expected, gradients, _named(findings))


def audit_module(make: Callable[..., nn.Module]) -> StaticReport:
    """Ask everything: the verdict, ties, signs, dtypes, parametrisations and vmap."""
    quick = audit_gradients(make)
    as_made = _made(make)
    learned = (each.dtype for each in as_made.parameters() if each.requires_grad)
    own = min(learned, key=_precision, default=torch.float32)
    module = _made(make).double().eval()
    x = audit_inputs(module)[:64]
    findings = [
        *quick.findings,
        *sign_sweep(module),
        *dtype_sweep(module, own=own),
        *stacking(module, x),
    ]
    return StaticReport(
        quick.verdict,
        quick.expected,
        quick.gradients,
        _named(findings),
        ties=tie_table(module),
        chains=chain_table(make),
    )


def _made(make: Callable[..., nn.Module]) -> nn.Module:
    """Make a module that may draw weights, the same ones every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make()


def _named(findings: Sequence[Finding]) -> list[Finding]:
    """Call a threshold by its name, as runs do, and not by that of the number behind it."""
    return [replace(each, subject=each.subject.removesuffix(".raw")) for each in findings]


def _of_gradient(report: GradientReport) -> list[Finding]:
    """Say in words what a verdict means, where it is a bad one."""
    if report.verdict == "NO_GRADIENT":
        reason = "no gradient reaches it: it only feeds a comparison, is detached or is not used"
        remedy = "let it enter the output by arithmetic, as sigmoid_gate and masked do"
    elif report.without_effect:
        reason = "neither the output nor its gradient changes with it, at any input tried"
        remedy = "let it enter the output, or start it where inputs are"
    elif report.verdict == "ZERO_ALMOST_EVERYWHERE":
        reason = "its gradient is zero at every input: it sits behind a step such as sign or round"
        remedy = "give the step a straight-through gradient, as jumprelu does"
    elif report.verdict == "WRONG":
        reason = _wrong(report)
        remedy = "check the backward pass and the chain factor of its parametrisation"
    elif report.idle:
        reason = "nothing changes with it until another parameter has moved"
        return [warning(report.name, reason, "start the other one elsewhere, if that is too late")]
    else:
        return []
    return [Finding(report.name, reason, remedy, convicts=True)]


def _wrong(report: GradientReport) -> str:
    if math.isnan(report.difference):
        return "its gradient, or the output, is not finite at some inputs"
    if math.isinf(report.bias):
        return "it gets a gradient, but the output does not change with it"
    if report.cosine > 0.99:
        return f"its gradient is {report.ratio:.3g} times the derivative"
    return (
        f"its gradient is not the derivative (distance {report.difference:.2g}, "
        f"cosine to the change of the loss {report.cosine:.2f})"
    )


def _precision(dtype: torch.dtype) -> int:
    return torch.finfo(dtype).bits
