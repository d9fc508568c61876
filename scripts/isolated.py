"""One trial in a child of its own: forked, so that it starts at once, with bounds and a witness.

What a trial does to memory, time, files and the network is seen from outside it, and ends with it.
"""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SECONDS = 10.0
MEMORY = 2**30


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        code: Its exit code; None where it was killed, by its bounds or for its time.
        out: What it wrote on stdout.
        err: The same on stderr.
        seconds: How long it took.
        grown: Bytes of memory, at the most, beyond what it started with; -1 where it was killed.
        witnessed: What the witness reported, one text an event.
    """

    code: int | None
    out: str
    err: str
    seconds: float
    grown: int
    witnessed: tuple[str, ...]


Witness = Callable[[str, tuple[object, ...]], str | None]
"""Looks at an audit event of Python's and returns what is to be reported, or None."""


def isolated(
    trial: Callable[[], int],
    *,
    seconds: float = SECONDS,
    memory: int = MEMORY,
    witness: Witness | None = None,
) -> Outcome:
    """Run a trial in a child and return how it ended.

    Args:
        trial: Returns an exit code; an exception is shown as Python shows it, with exit code 1.
        seconds: After which it is killed, with all its children.
        memory: Bytes of address space that it may take beyond those it starts with.
        witness: Sees every audit event of the child.
    """
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name, part) for part in ("out", "err", "grown", "witnessed")]
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            _be_the_child(trial, files, seconds=seconds, memory=memory, witness=witness)
        code = _wait(child, until=start + seconds)
        spent = time.monotonic() - start
        out, err, grown, witnessed = (_text(file) for file in files)
    return Outcome(code, out, err, spent, int(grown or -1), tuple(witnessed.splitlines()))


def flaw(outcome: Outcome, *, codes: Sequence[int], named: Sequence[str]) -> str:
    """Return what an error lacks to be a clear one; nothing where it lacks nothing.

    Args:
        outcome: Of the trial that met it.
        codes: The exit codes that fit.
        named: What its text must hold: the file or the key.
    """
    lines = outcome.err.strip().splitlines()
    if outcome.code is None:
        return f"was killed after {outcome.seconds:.1f} s"
    if "Traceback" in outcome.err:
        return f"traceback: {lines[-1]}"
    if outcome.code not in codes:
        return f"exit {outcome.code}, not {codes}: {' / '.join(lines[:3])[:300]}"
    if not 1 <= len(lines) <= 3:
        return f"{len(lines)} lines on stderr: {' / '.join(lines)[:300]}"
    missing = [word for word in named if word not in outcome.err]
    if missing:
        return f"does not name {missing}: {' / '.join(lines)[:300]}"
    if outcome.grown > MEMORY:
        return f"took {outcome.grown >> 20} MiB"
    return ""


def digests(folder: Path) -> dict[str, str]:
    """Return a digest of every regular file below a folder; no link is followed."""
    found = {}
    for inner, _, names in os.walk(folder):
        for name in names:
            path = Path(inner, name)
            if path.is_file() and not path.is_symlink():
                found[str(path)] = _digest(path)
    return found


def _digest(path: Path) -> str:
    size = path.stat().st_size
    if size > 2**28:  # a file of holes; nobody fills it unseen
        return f"{size} {path.stat().st_blocks}"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _be_the_child(
    trial: Callable[[], int],
    files: Sequence[Path],
    *,
    seconds: float,
    memory: int,
    witness: Witness | None,
) -> None:
    out, err, grown, witnessed = files
    measured = os.open(grown, os.O_WRONLY | os.O_CREAT)  # while we may: a trial may give up rights
    code = 1
    try:
        os.setsid()
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        _bound(seconds, memory)
        before = _start_memory()
        if witness is not None:
            _watch(witness, witnessed)
        code = _code_of(trial)
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(measured, str(max(0, _memory("VmHWM") - before)).encode())
    finally:
        os._exit(code)


def _code_of(trial: Callable[[], int]) -> int:
    try:
        return trial()
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1


def _bound(seconds: float, memory: int) -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)  # the threads of the parent are not here
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _watch(witness: Witness, file: Path) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    looking = False

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal looking
        if looking:
            return
        looking = True
        try:
            seen = witness(event, arguments)
            if seen is not None:
                os.write(descriptor, (seen.replace("\n", " ") + "\n").encode("utf-8", "replace"))
        finally:
            looking = False

    sys.addaudithook(hook)


def _start_memory() -> int:
    """Forget the highest memory of the parent and return what is taken now."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    return 0


def _wait(child: int, *, until: float) -> int | None:
    pause = 0.002
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # what it may have left behind
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        time.sleep(pause)
        pause = min(0.05, pause * 1.3)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
