"""The flags of ``clipbench train``: Hydra's, less those that would bypass the check."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from hydra._internal.utils import get_args_parser

from clipbench.cli.errors import ConfigError
from clipbench.cli.nearest import nearest

USAGE = "clipbench train [GROUP=OPTION ...] [KEY=VALUE ...] [FLAG ...]   (--help tells more)"
FLAGS = (
    "--help",
    "--multirun",
    "--cfg",
    "--resolve",
    "--package",
    "--config-dir",
    "--dry-run",
    "--info",
    "--hydra-help",
    "--version",
)
# Each of these says what is to be done, so Hydra takes one of them.
DEEDS = ("run", "multirun", "cfg", "info", "shell_completion")
# These say how a configuration is shown.
SHOWING = ("resolve", "package")
REFUSED = {
    "experimental_rerun": "use 'clipbench rerun RUN'",  # it unpickles
    "config_name": "use experiment=NAME",
    "config_path": "use --config-dir DIR",
}


def parse_arguments(arguments: Sequence[str]) -> Namespace:
    """Read a command line as Hydra does.

    Raises:
        ConfigError: A flag that is unknown or would bypass the check, or two that exclude another.
        SystemExit: A flag lacks its value or has a wrong one, with code 2.
    """
    parser = get_args_parser()
    parser.prog, parser.usage = "clipbench train", USAGE
    parser.add_argument("--dry-run", action="store_true")
    parsed, unknown = parser.parse_known_intermixed_args(arguments)
    faults = [f"{flag}: no such flag; {nearest(flag, FLAGS)}" for flag in unknown]
    faults += [f"{_typed(name)}: {REFUSED[name]}" for name in REFUSED if getattr(parsed, name)]
    if parsed.cfg is None:
        faults += [f"{_typed(name)}: goes with --cfg" for name in SHOWING if getattr(parsed, name)]
    deeds = [_typed(name) for name in DEEDS if getattr(parsed, name)]
    if len(deeds) > 1:
        faults.append(f"{' and '.join(deeds)}: only one of them at a time")
    if faults:
        raise ConfigError(faults)
    return parsed


def kept_flags(parsed: Namespace) -> list[str]:
    """Return the flags that go on to Hydra beside the overrides."""
    flags = ["--multirun"] if parsed.multirun else []
    for name in ("cfg", "package", "config_dir"):
        value = getattr(parsed, name)
        if value is not None:
            flags += [_typed(name), str(value)]
    return [*flags, "--resolve"] if parsed.resolve else flags


def _typed(name: str) -> str:
    return f"--{name.replace('_', '-')}"
