"""The part ``clips``: every clip, or those that the command line names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from clipbench.bench.clips import REFERENCES, Subject, both_passes, clips_part, site_input
from clipbench.bench.compiled import Forward, NotCompiled, compiled, why_no_compiler
from clipbench.bench.device_clock import device_clock
from clipbench.bench.measure import Part
from clipbench.cli.assemble import pick_device
from clipbench.cli.audited import REFUSALS
from clipbench.cli.benches.request import Asked, How, keys_of
from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.cli.errors import ConfigError
from clipbench.cli.ls import read_choice
from clipbench.training.build import build

TURNS = 20
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""What a layer hands to a clip under each precision."""


def measure_clips(asked: Asked, how: How, told: Callable[[], None]) -> Part:
    """Measure clips at a site of the shape that was asked for.

    Raises:
        ConfigError: A clip refuses such inputs.
    """
    device = pick_device(asked.config["trainer"]["device"])
    dtype = DTYPES[asked.config["trainer"]["precision"]]
    x = site_input(how.shape, device=device, dtype=dtype)
    subjects = {name: _subject(name, node, x, asked) for name, node in nodes(asked).items()}
    forms, notes = _compiled(subjects, x, how) if how.compile else ({}, [])
    how.told(f"clips: {len(subjects)} clips")
    turns = how.repeats or TURNS
    part = clips_part(subjects, x, turns=turns, compiled=forms, told=told)
    return Part(part.name, part.settings, part.rows, [*part.notes, *notes])


def nodes(asked: Asked) -> dict[str, dict[str, Any]]:
    """Return the nodes of the clips to be measured: those of the words, else of every option."""
    keys = keys_of(asked.words)
    if not any(key == "experiment" or key.partition(".")[0] == "clip" for key in keys):
        choices = {name: read_choice("clip", name) for name in option_names(conf_dir(), "clip")}
        return {
            name: {"_target_": choice.target, **choice.keys} for name, choice in choices.items()
        }
    return {_label(job.overrides): job.config["clip"] for job in asked.jobs}


def _label(overrides: tuple[str, ...]) -> str:
    own = [word for word in overrides if word.partition("=")[0].partition(".")[0] == "clip"]
    return " ".join(own).removeprefix("clip=") or "the clip of the configuration"


def _subject(name: str, node: Mapping[str, Any], x: Tensor, asked: Asked) -> Subject:
    try:
        clip = build(node, trust=asked.config["trust"], num_features=x.shape[1]).to(x.device)
        clip.calibrate(x.detach())
        subject = Subject(clip, [one for one in clip.parameters() if one.requires_grad])
        both_passes(subject, x, torch.ones_like(x), clock=device_clock(x.device))
    except REFUSALS as error:
        text = " ".join(str(error).split())[:200]
        raise ConfigError(
            [f"clip {name} cannot be measured at {tuple(x.shape)}: {text}"]
        ) from error
    return subject


def _compiled(
    subjects: Mapping[str, Subject], x: Tensor, how: How
) -> tuple[dict[str, Forward], list[str]]:
    """Compile what can be compiled; say of the rest why not."""
    why = why_no_compiler(x.device)
    if why is not None:
        return {}, [f"no compiled form: {why}"]
    modules: dict[str, Forward] = {name: make() for name, make in REFERENCES.items()}
    modules |= {name: subject.forward for name, subject in subjects.items()}
    forms, notes = {}, []
    for name, module in modules.items():
        how.told(f"clips: compiling {name}")
        try:
            forms[name] = compiled(module, x)
        except NotCompiled as error:
            notes.append(f"{name} has no compiled form: {error}")
    return forms, notes
