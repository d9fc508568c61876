"""Campaign: mirrors that fail in every way, downloads that are killed, and no network at all.

Run it from the top of a checkout: .venv/bin/python -m scripts.campaign_mirrors [WHAT ...]
WHAT is `faults`, `kills` or `offline`; all, if nothing is named. The mirrors are played by a server
on this machine, with the rules of a real download but for plain http. Every line is one figure; the
last one reads `N of M`.
"""

from __future__ import annotations

import hashlib
import http.server
import os
import random
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from clipbench.data import cache
from clipbench.data.arrays import digests
from clipbench.data.mirrors import RULES, Listing, from_mirrors
from clipbench.data.mnist_family import decode_gzipped
from clipbench.data.sources import DataError, FileSet, Source, obtain, verify
from scripts.isolated import isolated
from tests.data import tiny_files as tiny

ARRAYS = tiny.grey(train=20_000, test=4_000, side=28, classes=3)
FILES = tiny.gzipped_idx_files(ARRAYS)
RULES_HERE = replace(RULES, schemes=("http",))
SECONDS = 30.0
KILLS = 10
FAULTS = (
    "forbidden", "missing", "busy", "silent", "reset", "short", "page", "foreign", "to_ftp", "drip",
)  # fmt: skip


class Mirror(http.server.BaseHTTPRequestHandler):
    """Answers as the first folder of the address says."""

    def do_GET(self) -> None:  # noqa: N802 -- so named by the library
        """Answer."""
        _, how, name = self.path.split("/")
        with suppress(ConnectionError):
            getattr(self, how)(FILES[name])

    def good(self, body: bytes) -> None:
        """Send the file, in a second or so: a download can be killed in its midst."""
        self._head(len(body))
        for start in range(0, len(body), 2**19):
            self.wfile.write(body[start : start + 2**19])
            time.sleep(0.02)

    def forbidden(self, _body: bytes) -> None:
        """Refuse."""
        self.send_error(403)

    def missing(self, _body: bytes) -> None:
        """Know nothing."""
        self.send_error(404)

    def busy(self, _body: bytes) -> None:
        """Ask to come again."""
        self.send_error(503, "\x1b[31mlater")

    def silent(self, _body: bytes) -> None:
        """Say nothing."""
        time.sleep(60)

    def reset(self, body: bytes) -> None:
        """Break the connection off in the midst of the file."""
        self._head(len(body))
        self.wfile.write(body[:1000])
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def short(self, body: bytes) -> None:
        """End before the end."""
        self._head(len(body))
        self.wfile.write(body[: len(body) // 2])

    def page(self, _body: bytes) -> None:
        """Send a page of the web."""
        text = b"<!doctype html><title>We have moved</title>"
        self._head(len(text))
        self.wfile.write(text)

    def foreign(self, body: bytes) -> None:
        """Send a file of the right length that is another."""
        self._head(len(body))
        self.wfile.write(body[:-1] + bytes([body[-1] ^ 1]))

    def to_ftp(self, _body: bytes) -> None:
        """Send elsewhere, by another protocol."""
        self.send_response(302)
        self.send_header("Location", "ftp://127.0.0.1/file")
        self.end_headers()

    def drip(self, body: bytes) -> None:
        """Send a byte now and then."""
        self._head(len(body))
        for place in range(600):
            self.wfile.write(body[place : place + 1])
            time.sleep(0.1)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def _head(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """Expect clients that give up."""


@contextmanager
def mirrors() -> Iterator[str]:
    """Serve, and give the address."""
    server = _Server(("127.0.0.1", 0), Mirror)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def files_from(address: str, *behaviours: str) -> FileSet:
    """Return a set whose mirrors behave so, in this order."""
    md5s = [(name, hashlib.md5(content).hexdigest()) for name, content in FILES.items()]
    folders = tuple(f"{address}{how}/" for how in behaviours)
    listing = Listing(folders=folders, files=tuple(md5s))
    source = Source(
        name="mirrors", read=lambda: decode_gzipped(from_mirrors(listing, rules=RULES_HERE))
    )
    return tiny.file_set(ARRAYS, source)


def fault(address: str, how: str) -> str:
    """Let a mirror fail, alone and before a good one; return what went wrong, or nothing."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as root:
        found = obtain(files_from(address, how, "good"), root=root, offline=False)
        if digests(found.arrays) != digests(ARRAYS):
            return "other arrays came"
    moved = time.monotonic() - start
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as root:
        try:
            obtain(files_from(address, how, how), root=root, offline=False)
        except DataError as error:
            text = str(error)
        else:
            return "it was taken for right"
        if list(Path(root).rglob("*")):
            return f"left {list(Path(root).rglob('*'))}"
    failed = time.monotonic() - start
    if len(text.split("\n")) > 3 or text.count(f"/{how}/ (") != 2:
        return f"not clear: {text}"
    slow = max(moved, failed) > SECONDS
    return f"took {moved:.0f} s to move on and {failed:.0f} s to fail" if slow else ""


def try_faults() -> tuple[int, int]:
    """Try each fault."""
    good = 0
    with mirrors() as address:
        for how in FAULTS:
            wrong = fault(address, how)
            good += not wrong
            if wrong:
                print(f"MISSED  {how}: {wrong}", flush=True)
    print(f"faults of mirrors met within {SECONDS:g} s: {good} of {len(FAULTS)}", flush=True)
    return good, len(FAULTS)


def try_kills() -> tuple[int, int]:
    """Kill a download at ten moments, from its beginning to after its end, and repeat it."""
    draw, good = random.Random(0), 0
    with mirrors() as address:
        files = files_from(address, "good")
        whole = _seconds_of(files)
        for number in range(KILLS):
            moment = whole * (number + draw.random()) / KILLS
            wrong = _killed(files, moment)
            good += not wrong
            if wrong:
                print(f"MISSED  killed after {moment:.2f} s: {wrong}", flush=True)
    print(f"killed downloads that recovered: {good} of {KILLS}", flush=True)
    return good, KILLS


def _seconds_of(files: FileSet) -> float:
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as root:
        isolated(lambda: bool(obtain(files, root=root, offline=False)) * 0, seconds=60)
    return time.monotonic() - start


def _killed(files: FileSet, moment: float) -> str:
    with tempfile.TemporaryDirectory() as root:
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                obtain(files, root=root, offline=False)
            os._exit(0)
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        folder = cache.folder_of(files.name, root=root)
        sizes = {f"{p}.npy": a.nbytes + 128 for p, a in ARRAYS._asdict().items()}
        partial = [
            file.name
            for file in (folder.iterdir() if folder.is_dir() else ())
            if not file.name.startswith(".") and file.stat().st_size != sizes.get(file.name, -1)
            and file.name != cache.RECORD
        ]  # fmt: skip
        if partial:
            return f"partial files under their names: {partial}"
        found = obtain(files, root=root, offline=False)
        same = digests(found.arrays) == digests(ARRAYS)
        return "" if same and verify(files, root=root) else "it did not recover"


def sockets(event: str, arguments: tuple[object, ...]) -> str | None:
    """Report every look-up and connection; a witness for `isolated`."""
    asked = event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind")
    return f"{event} {arguments[1:]!r:.100}" if asked else None


def offline(words: Sequence[str], *, code: int) -> str:
    """Run a command and return what it asked of the network, or its wrong answer, or nothing."""
    from clipbench.cli.main import main as clipbench

    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLIPBENCH_DATA"] = f"{folder}/data"
        outcome = isolated(
            lambda: os.chdir(folder) or clipbench(list(words)), seconds=90, witness=sockets
        )
    if outcome.witnessed:
        return f"opened {outcome.witnessed[:3]}"
    return "" if outcome.code == code else f"exit {outcome.code}: {outcome.err[-300:]}"


OFFLINE: dict[str, tuple[list[str], int]] = {
    "a set that is not here": (["data", "get", "mnist", "cifar10", "--offline"], 3),
    "training on a set that is not here": (["train", "data=cifar100", "data.offline=true"], 3),
    "training on one that is built in": (["train", "experiment=smoke", "trainer.device=cpu"], 0),
    "the list": (["data", "list"], 0),
}


def try_offline() -> tuple[int, int]:
    """Run commands without a network and count what they ask of it."""
    import clipbench.cli.evaluation
    import clipbench.cli.through_hydra  # noqa: F401 -- once, for all children

    good = 0
    for name, (words, code) in OFFLINE.items():
        wrong = offline(words, code=code)
        good += not wrong
        if wrong:
            print(f"MISSED  offline, {name}: {wrong}", flush=True)
    print(f"commands that opened no socket: {good} of {len(OFFLINE)}", flush=True)
    return good, len(OFFLINE)


ALL = {"faults": try_faults, "kills": try_kills, "offline": try_offline}


def main(chosen: Sequence[str]) -> int:
    """Try what is chosen."""
    counts = [ALL[word]() for word in chosen or ALL]
    good, number = (sum(column) for column in zip(*counts, strict=True))
    print(f"mirrors, kills and commands as they should be: {good} of {number}")
    return 0 if good == number else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
