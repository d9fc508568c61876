"""The static audit of the clip that a configuration names."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from clipbench.audit.inputs import FEATURES, audit_inputs
from clipbench.audit.static import StaticReport, audit_gradients
from clipbench.cli.errors import ConfigError
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


def check_made(node: Mapping[str, Any], make: Callable[..., object]) -> None:
    """Try a module on the audit's inputs.

    Raises:
        ConfigError: It cannot be made, is no module, refuses the inputs, or changes their shape.
    """
    try:
        made = make()
    except REFUSALS as error:
        raise ConfigError([str(error)]) from error
    if not isinstance(made, nn.Module):
        raise ConfigError([f"target: '{node['_target_']}' makes no torch module"])
    x = audit_inputs(made)[:16]
    try:
        output = made.double().eval()(x.clone())
    except Exception as error:  # noqa: BLE001 -- a stranger's module may raise anything
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ConfigError(
            [f"{node['_target_']} refuses inputs (N, {x.shape[1]}): {text}"]
        ) from error
    if getattr(output, "shape", None) != x.shape:
        got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ConfigError([f"{node['_target_']} gives {got} for {tuple(x.shape)}, not its shape"])
