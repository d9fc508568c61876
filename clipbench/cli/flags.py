"""The flags of ``clipbench train``: Hydra's, less those that would bypass the check."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from hydra._internal.utils import get_args_parser

from clipbench.cli.errors import ConfigError

REFUSED = {
    "experimental_rerun": "use 'clipbench rerun RUN'",  # it unpickles
    "config_name": "use experiment=NAME",
    "config_path": "use --config-dir DIR",
}


def parse_arguments(arguments: Sequence[str]) -> Namespace:
    """Read a command line as Hydra does.

    Raises:
        ConfigError: A flag that would bypass the check.
        SystemExit: An unknown flag, with code 2.
    """
    parser = get_args_parser()
    parser.add_argument("--dry-run", action="store_true")
    parsed = parser.parse_intermixed_args(arguments)
    wrong = [flag for flag in REFUSED if getattr(parsed, flag) is not None]
    if wrong:
        raise ConfigError([f"--{flag.replace('_', '-')}: {REFUSED[flag]}" for flag in wrong])
    return parsed


def kept_flags(parsed: Namespace) -> list[str]:
    """Return the flags that go on to Hydra beside the overrides."""
    flags = ["--multirun"] if parsed.multirun else []
    for name in ("cfg", "package", "config_dir"):
        value = getattr(parsed, name)
        if value is not None:
            flags += [f"--{name.replace('_', '-')}", str(value)]
    return [*flags, "--resolve"] if parsed.resolve else flags
