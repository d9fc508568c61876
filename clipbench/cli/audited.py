"""The static audit of the clip that a configuration names."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from clipbench.audit.inputs import FEATURES
from clipbench.audit.static import StaticReport, audit_gradients
from clipbench.training.build import build, resolve

# What a module that is not made for the audit's inputs may raise on them.
REFUSALS = (RuntimeError, ValueError, TypeError, IndexError)


def maker(node: Mapping[str, Any], *, trust: Sequence[str] = ()) -> Callable[..., nn.Module]:
    """Return what builds the module of a node anew, with the keys that are to differ."""
    takes = inspect.signature(resolve(node["_target_"], trust=trust)).parameters

    def make(**changed: Any) -> nn.Module:  # noqa: ANN401
        keys = {**node, **changed}
        if "num_features" in takes:
            keys.setdefault("num_features", FEATURES)
        module: nn.Module = build(keys, trust=trust)
        return module

    return make


def audit_at_start(config: Mapping[str, Any]) -> dict[str, Any]:
    """Audit the clip of a run, say on stderr if it cannot learn, and return what to record."""
    try:
        report = audit_gradients(maker(config["clip"], trust=config["trust"]))
    except REFUSALS as error:
        text = " ".join(str(error).split())[:200]
        print(f"clipbench: the clip could not be audited: {text}", file=sys.stderr)
        return {"verdict": None, "parameters": {}}
    for finding in report.findings:
        print(f"clipbench: {finding}", file=sys.stderr)
    return recorded(report)


def recorded(report: StaticReport) -> dict[str, Any]:
    """Return a report as it stands in ``run.json``: the verdict, and that of each parameter."""
    parameters = {one.name.removesuffix(".raw"): one.verdict for one in report.gradients}
    return {"verdict": report.verdict, "parameters": parameters}
