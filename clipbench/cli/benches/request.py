"""What a bench was asked to measure: for each part, the composed configurations.

All parts are composed before the first is measured, so that a wrong word costs no time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clipbench.cli.compose import Job, compose
from clipbench.cli.errors import ConfigError

USUAL = {"step": ("model=mlp,cnn", "trainer.precision=fp32,bf16"), "seeds": ("num_seeds=10",)}
"""What a part measures where the command line does not say."""
SINGLE = ("seeds", "startup")
"""The parts that time whole commands, of one configuration."""
HOMES = ("name", "resume")
"""Keys that give a run a home, which a bench has none of."""
UNKNOWN_TO_PLAIN = {
    "grad_clip": "clipbench.grad_clips.none.NoClip",
    "regularizer": "clipbench.regularizers.none.NoRegularizer",
}


@dataclass(frozen=True)
class Asked:
    """One part of the request.

    Attributes:
        words: The overrides, with what is usual for the part.
        jobs: What they compose to.
    """

    words: list[str]
    jobs: list[Job]

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the first job."""
        return self.jobs[0].config


@dataclass(frozen=True)
class How:
    """How a bench measures.

    Attributes:
        repeats: Turns that count; None for what is usual for a part.
        shape: Of the tensor that clips are measured on.
        compile: Whether clips are measured in compiled form, too.
        config_dir: A folder with options of the user's.
        told: Is told what is going on.
    """

    repeats: int | None
    shape: tuple[int, ...]
    compile: bool
    config_dir: str | None
    told: Callable[[str], None]


def request(
    parts: Sequence[str], overrides: Sequence[str], *, config_dir: str | None
) -> dict[str, Asked]:
    """Compose and check what each part measures.

    Raises:
        ConfigError: With every fault.
    """
    keys = keys_of(overrides)
    faults = [
        f"{key}: a bench keeps no run, so it has no home; leave this out"
        for key in keys
        if key in HOMES or key.partition(".")[0] == "hydra"
    ]
    compositions: dict[tuple[str, ...], list[Job]] = {}  # most parts take the same words
    asked = {}
    for part in parts:
        words = _words(part, overrides, keys)
        if tuple(words) not in compositions:
            composition = compose(words, multirun=True, config_dir=config_dir)
            compositions[tuple(words)] = composition.jobs
        asked[part] = Asked(words, compositions[tuple(words)])
    for part, one in asked.items():
        if part in SINGLE and len(one.jobs) > 1:
            faults.append(f"{part}: it measures one configuration, and the words list several")
    if (
        "clips" in asked
        and len({job.config["trainer"]["precision"] for job in asked["clips"].jobs}) > 1
    ):
        faults.append("clips: it measures one trainer.precision, and the words list several")
    if "step" in asked:
        faults += _beyond_plain([job.config for job in asked["step"].jobs])
    if faults:
        raise ConfigError(faults)
    return asked


def label_of(job: Job) -> str:
    """Return the name of a configuration among those of the same words."""
    return " ".join(job.overrides) or "defaults"


def keys_of(overrides: Sequence[str]) -> list[str]:
    """Return the key or group of each override."""
    return [word.lstrip("+~").partition("=")[0].partition("@")[0] for word in overrides]


def _words(part: str, overrides: Sequence[str], keys: Sequence[str]) -> list[str]:
    # An experiment may choose anything, so nothing is put in its place.
    usual = () if "experiment" in keys else USUAL.get(part, ())
    return [*overrides, *(word for word in usual if keys_of([word])[0] not in keys)]


def _beyond_plain(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name what the plain loop of the step does not know."""
    faults = {
        f"step: the plain loop has no {group}; leave it out"
        for config in configs
        for group, none in UNKNOWN_TO_PLAIN.items()
        if config[group]["_target_"] != none
    }
    if any(config["model"].get("dropout") for config in configs):
        faults.add("step: the plain loop has no dropout; leave model.dropout out")
    return sorted(faults)
