"""Where a result comes from: the commit, the versions and the machine that made it.

Only what is named here is recorded; no environment variable, user or host name ever is.
"""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from clipbench.records.json_text import Json

_PACKAGES = (
    "clipbench",
    "torch",
    "torchvision",
    "hydra-core",
    "omegaconf",
    "tensorboard",
    "numpy",
    "scipy",
    "scikit-learn",
)
_CHECKOUT = Path(__file__).parents[2]
_SECONDS = 20


def collect() -> dict[str, Json]:
    """Describe the code and the machine under the keys commit, dirty, versions and machine."""
    commit, dirty = _own_commit()
    machine: dict[str, Json] = {
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cpu_count": os.cpu_count(),
    }
    return {"commit": commit, "dirty": dirty, "versions": versions(), "machine": machine}


def versions() -> dict[str, Json]:
    """Name the version of Python and of each main package, ``None`` where it is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}}


def commit_of(checkout: Path) -> tuple[str | None, bool | None]:
    """Return the commit of a checkout and whether its code differs from that commit.

    Both are ``None`` where the folder is not the top of a checkout or git cannot answer. New files
    count as a difference, since a config may name them.
    """
    if not (checkout / ".git").exists():
        return None, None
    commit = _git(checkout, "rev-parse", "HEAD")
    changes = _git(checkout, "status", "--porcelain", "--", "clipbench", "conf", "pyproject.toml")
    return commit, None if commit is None or changes is None else changes != ""


@cache
def _own_commit() -> tuple[str | None, bool | None]:
    """Ask once: what a process has imported stays what it is, whatever is edited meanwhile."""
    return commit_of(_CHECKOUT)


def _git(checkout: Path, *arguments: str) -> str | None:
    # Set by hooks and wrappers, such variables would point git to some other repository.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(checkout), *arguments]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, env=environment, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
