"""Checks a composed configuration whole: every key, type and range, before anything is built.

The signature of a target is its schema. A key must be one of its parameters, its value must fit
the annotation (pydantic, strict: no number is read from a string), and what code supplies later
may not be typed by a user. All faults are found at once, each with the nearest right key.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from typing import Any, get_type_hints

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from clipbench.cli.folders import RESERVED
from clipbench.cli.nearest import nearest
from clipbench.cli.settings import Root, Sweep, Trainer
from clipbench.training.build import resolve

# Which room holds the targets of a group, and which arguments code supplies to them.
ROOMS = {
    "clip": "clips",
    "grad_clip": "grad_clips",
    "regularizer": "regularizers",
    "model": "models",
    "data": "data",
    "optim": "optim",
    "schedule": "optim",
    "probe": "probes",
}
SUPPLIED = {
    "clip": {"num_features"},
    "model": {"make_clip", "in_channels", "image_size", "num_classes", "generator"},
    "optim": {"params"},
    "schedule": {"total_steps"},
}
SETTINGS: dict[str, type] = {"trainer": Trainer}


def faults_of(config: Mapping[str, Any], *, trust: Sequence[str] = ()) -> list[str]:
    """Return every fault of a composed configuration (without its ``hydra`` node), one line each.

    Args:
        config: Plain dicts, lists and scalars, interpolations resolved.
        trust: The packages named on this command line.
    """
    groups = [*ROOMS, *SETTINGS]
    own = {key: value for key, value in config.items() if key not in groups}
    faults = _faults_of_keys("", own, _parameters(Root), extra_words=[*groups, "sweep"])
    faults += _faults_of_absence("", own, _parameters(Root))
    if config.get("name") == RESERVED:
        faults.append(f"name: '{RESERVED}' is where runs without a name lie; choose another")
    faults += [f"the group '{group}' is missing" for group in groups if group not in config]
    for group, settings in SETTINGS.items():
        node, parameters = config.get(group) or {}, _parameters(settings)
        faults += _faults_of_keys(f"{group}.", node, parameters)
        faults += _faults_of_absence(f"{group}.", node, parameters)
    for group, room in ROOMS.items():
        node = config.get(group)
        if group == "probe":
            for name, probe in (node or {}).items():
                faults += _faults_of_node(f"probe.{name}.", probe, room=room, trust=trust)
        elif node is not None:
            supplied = SUPPLIED.get(group, set())
            faults += _faults_of_node(f"{group}.", node, room=room, trust=trust, supplied=supplied)
    return faults


def faults_of_sweep(node: Any) -> list[str]:  # noqa: ANN401
    """Return every fault of the ``sweep`` node, which belongs to no single run."""
    if not isinstance(node, Mapping):
        return [f"sweep: expected its keys, got {node!r}"]
    parameters = _parameters(Sweep)
    faults = _faults_of_keys("sweep.", node, parameters)
    return faults + _faults_of_absence("sweep.", node, parameters)


def faults_of_target(
    node: Mapping[str, Any], *, group: str, trust: Sequence[str] = ()
) -> list[str]:
    """Return every fault of one node that a user typed outside the composed configuration."""
    supplied = SUPPLIED.get(group, set())
    return _faults_of_node("", node, room=ROOMS[group], trust=trust, supplied=supplied)


def _faults_of_node(
    prefix: str,
    node: Any,  # noqa: ANN401
    *,
    room: str,
    trust: Sequence[str],
    supplied: Iterable[str] = (),
    may_defer: bool = False,
) -> list[str]:
    where = prefix.rstrip(".")
    named = f"{prefix}_target_" if prefix else "target"
    if not isinstance(node, Mapping) or "_target_" not in node:
        return [f"{where}: expected a choice with a _target_, got {node!r}"]
    target, deferred = node["_target_"], node.get("_partial_", False)
    if not isinstance(target, str):
        return [f"{named}: should be a dotted path, got {target!r}"]
    if not isinstance(deferred, bool):
        return [f"{prefix}_partial_: should be true or false, got {deferred!r}"]
    if deferred and not may_defer:
        return [f"{prefix}_partial_: only an argument that is a function can be left uncalled"]
    try:
        parameters = _parameters(resolve(target, room=room, trust=trust))
    except ValueError as error:
        return [f"{named}: {error}"]
    keys = {key: value for key, value in node.items() if key not in ("_target_", "_partial_")}
    faults = [
        f"{prefix}{key}: this is supplied by clipbench and cannot be set"
        for key in keys
        if key in supplied
    ]
    keys = {key: value for key, value in keys.items() if key not in supplied}
    own = {name: parameter for name, parameter in parameters.items() if name not in supplied}
    faults += _faults_of_keys(prefix, keys, own, room=room, trust=trust)
    hint = ", or left to the caller by _partial_: true" if may_defer else ""
    return faults if deferred else [*faults, *_faults_of_absence(prefix, keys, own, hint=hint)]


def _faults_of_keys(
    prefix: str,
    keys: Mapping[str, Any],
    parameters: Mapping[str, inspect.Parameter],
    *,
    room: str = "",
    trust: Sequence[str] = (),
    extra_words: Iterable[str] = (),
) -> list[str]:
    faults = []
    for key, value in keys.items():
        if key not in parameters:
            hint = nearest(key, [*parameters, *extra_words])
            faults.append(f"{prefix}{key}: no such key; {hint}")
        elif isinstance(value, Mapping) and "_target_" in value:
            where, may_defer = f"{prefix}{key}.", _takes_function(parameters[key].annotation)
            faults += _faults_of_node(where, value, room=room, trust=trust, may_defer=may_defer)
        else:
            problem = _misfit(value, parameters[key].annotation)
            faults += [f"{prefix}{key}: {problem}"] if problem else []
    return faults


def _faults_of_absence(
    prefix: str,
    keys: Mapping[str, Any],
    parameters: Mapping[str, inspect.Parameter],
    *,
    hint: str = "",
) -> list[str]:
    required = (name for name, p in parameters.items() if p.default is inspect.Parameter.empty)
    return [f"{prefix}{name}: must be given{hint}" for name in required if name not in keys]


def _takes_function(annotation: Any) -> bool:  # noqa: ANN401
    return _misfit(_takes_function, annotation) is None


@cache
def _parameters(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return name -> parameter with resolved annotations; ``*args`` and ``**kwargs`` left out."""
    # A dataclass inherits fields from other modules, whose names its constructor does not know.
    fields = inspect.isclass(target) and is_dataclass(target)
    function = target.__init__ if inspect.isclass(target) and not fields else target
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError:  # a stranger's annotation that only a type checker can read
        hints = {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {
        name: parameter.replace(annotation=hints.get(name, Any))
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.kind in named
    }


def _misfit(value: Any, annotation: Any) -> str | None:  # noqa: ANN401
    """Return why a value does not fit an annotation, or None if it does."""
    if isinstance(value, float) and math.isnan(value):
        return "must be a number, got nan"
    adapter = _adapter(annotation)
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        reasons = dict.fromkeys(_lower_first(e["msg"]) for e in error.errors())
        return f"{' or '.join(reasons)}, got {value!r}"
    return None


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:  # noqa: ANN401
    strict = ConfigDict(strict=True, arbitrary_types_allowed=True)
    try:
        return TypeAdapter(annotation, config=strict)
    except PydanticUserError:  # a dataclass carries its own settings and refuses ours
        return TypeAdapter(annotation)


def _lower_first(message: str) -> str:
    return message.removeprefix("Input ").replace("Input ", "") if message else message
