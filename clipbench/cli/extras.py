"""What is installed on demand: which extra of the package brings it, and the line to type."""

from __future__ import annotations

from importlib.util import find_spec

from clipbench.cli.errors import ConfigError

_LAUNCHERS = {
    "joblib": ("hydra_joblib_launcher", "joblib"),
    "submitit_local": ("hydra_submitit_launcher", "slurm"),
    "submitit_slurm": ("hydra_submitit_launcher", "slurm"),
    "ray": ("hydra_ray_launcher", "ray"),
}


def missing_extra(launcher: str) -> str | None:
    """Say which extra a launcher of Hydra's needs where it is not installed, else None."""
    if launcher not in _LAUNCHERS:
        return None
    package, extra = _LAUNCHERS[launcher]
    if _is_installed(f"hydra_plugins.{package}"):
        return None
    return f"hydra/launcher: '{launcher}' is not installed; {install_line(extra)}"


def refuse_missing(package: str, *, extra: str, command: str) -> None:
    """Make sure that a package which a command needs is installed.

    Raises:
        ConfigError: With the line that installs it.
    """
    if not _is_installed(package):
        raise ConfigError([f"{command} needs {package}, which is missing; {install_line(extra)}"])


def install_line(extra: str) -> str:
    """Return what to type to install an extra."""
    return f"pip install 'clipbench[{extra}]'"


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package it would lie in
        return False
