"""The overrides of a command line, sorted before anything is composed.

Hydra stops at the first wrong word and advises ``+key``, which lets a misspelt key through. So a
group choice must name an existing option here, and any other override is force-added: composition
cannot fail on it, and the check against signatures then finds every unknown key, wrong type and bad
value at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from clipbench.cli.errors import ConfigError
from clipbench.cli.extras import missing_extra
from clipbench.cli.loader import CONFIG_NAME, brief, open_loader
from clipbench.cli.nearest import nearest


@dataclass(frozen=True)
class Words:
    """A command line's overrides by kind, for a configuration that is composed already."""

    groups: list[str]
    values: dict[str, Any]
    trust: tuple[str, ...]
    run_dir: str | None


def read_words(overrides: Sequence[str]) -> Words:
    """Sort overrides into group choices, values, trusted packages and the run's folder.

    Raises:
        ConfigError: A word cannot be read, names no option, or asks for what needs ``train``.
    """
    with open_loader(None) as loader:
        words, faults = sort_words(loader, overrides, multirun=False)
        groups = Groups(loader, overrides)
        chosen = [word for word in words if groups.options(word.key_or_group)]
    choices = [word.input_line or "" for word in chosen]
    rest = [word for word in words if word not in chosen]
    folders = [word.value() for word in rest if word.key_or_group == "hydra.run.dir"]
    for word in rest:
        if word.is_delete() or (word.is_hydra_override() and word.key_or_group != "hydra.run.dir"):
            faults.append(f"'{word.input_line}' works with clipbench train only")
    if faults:
        raise ConfigError(faults)
    values = {
        word.key_or_group: word.value()
        for word in rest
        if not word.is_hydra_override() and word.key_or_group != "trust"
    }
    return Words(choices, values, trusted(words), str(folders[-1]) if folders else None)


def sort_words(
    loader: ConfigLoader, overrides: Sequence[str], *, multirun: bool
) -> tuple[list[Override], list[str]]:
    """Parse each override; return the usable ones, normalised, and the faults of the others.

    Of a list of options only the parsing is checked here: `wrong_options` tells of each job's.
    """
    parser = OverridesParser.create(config_loader=loader)
    groups = Groups(loader, overrides)
    words: list[Override] = []
    faults: list[str] = []
    for text in overrides:
        try:
            (override,) = parser.parse_overrides([text])
        except HydraException as error:
            faults.append(f"'{text}': {brief(error, lines=1)}")
            continue
        if override.is_sweep_override() and not multirun:
            faults.append(f"'{text}' lists several values: add -m for a sweep, or quote the value")
            continue
        if not override.key_or_group:
            faults.append(f"'{text}' names no key; overrides are KEY=VALUE")
            continue
        problem = None if override.is_sweep_override() else _wrong_option(groups, override)
        if problem is not None:
            faults.append(problem)
            continue
        words += parser.parse_overrides([_forced(groups, override)])
    return words, faults


def wrong_options(groups: Groups, line: Sequence[str]) -> dict[str, str]:
    """Return override -> fault for the wrong group choices in one job's line."""
    wrong = {}
    for text in line:
        key, _, choice = text.partition("=")
        fault = None if key.startswith(("+", "~")) else _wrong_choice(groups, key, choice)
        if fault is not None:
            wrong[text] = fault
    return wrong


def trusted(words: Sequence[Override]) -> tuple[str, ...]:
    """Return the packages named by ``trust=[...]`` on this command line."""
    named = [word.value() for word in words if word.key_or_group == "trust"]
    last = named[-1] if named else []
    return tuple(str(package) for package in last) if isinstance(last, list) else ()


class Groups:
    """The options of each group, also those of folders added by ``hydra.searchpath``.

    What has been looked up is kept: Hydra copies all it has read for every look.
    """

    def __init__(self, loader: ConfigLoader, overrides: Sequence[str]) -> None:
        self._loader = loader
        self._searchpath = [text for text in overrides if text.startswith("hydra.searchpath=")]
        self._known: dict[str, list[str]] = {}

    def options(self, group: str) -> list[str]:
        """Return the options of a group; none if there is no such group."""
        if group not in self._known:
            self._known[group] = self._loader.get_group_options(
                group, config_name=CONFIG_NAME, overrides=self._searchpath
            )
        return self._known[group]


def _wrong_option(groups: Groups, override: Override) -> str | None:
    """Return what is wrong with a group choice, or None (also for what is no group choice)."""
    if override.is_delete():
        return None
    value = override.value()
    chosen = value if isinstance(value, list) else ["null" if value is None else value]
    problems = (_wrong_choice(groups, override.key_or_group, str(choice)) for choice in chosen)
    return next((problem for problem in problems if problem is not None), None)


def _wrong_choice(groups: Groups, group: str, choice: str) -> str | None:
    options = groups.options(group)
    if not options or choice.startswith("["):
        return None
    if choice not in options:
        return f"{group}: no option '{choice}'; {nearest(choice, options)}"
    return missing_extra(choice) if group == "hydra/launcher" else None


def _forced(groups: Groups, override: Override) -> str:
    """Return an override as text that Hydra accepts once the check has passed it."""
    text = override.input_line or ""
    if override.is_delete() or override.is_hydra_override():
        return text
    bare = text.lstrip("+")
    return bare if groups.options(override.key_or_group) else f"++{bare}"
