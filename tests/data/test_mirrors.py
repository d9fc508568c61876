"""Mirrors that work, lie, break off, redirect and hang, played by a server on this machine."""

from __future__ import annotations

import hashlib
import io
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from clipbench.data import mirrors
from clipbench.data.mirrors import Listing, Rules, from_mirrors, official
from clipbench.data.sources import SourceError

CONTENT = bytes(range(256)) * 20
MD5 = hashlib.md5(CONTENT).hexdigest()
# The server of a test speaks plain http; the rule itself is tested on its own.
PLAIN = Rules(schemes=("http",), connect_seconds=0.3, total_seconds=1.0, max_bytes=10_000)


class Mirror(BaseHTTPRequestHandler):
    """Behaves as the first folder of the address says."""

    def do_GET(self) -> None:
        getattr(self, self.path.split("/")[1])()

    def answer(self, body: bytes, *, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def good(self) -> None:
        self.answer(CONTENT)

    def page(self) -> None:
        self.answer(b"<html>We have moved</html>")

    def short(self) -> None:
        self.answer(CONTENT[:100], length=len(CONTENT))

    def large(self) -> None:
        self.answer(bytes(20_000))

    def gone(self) -> None:
        self.send_error(404)

    def moved(self) -> None:
        self.redirect(self.path.replace("moved", "good"))

    def away(self) -> None:
        self.redirect("ftp://elsewhere/file")

    def local(self) -> None:
        self.redirect("file:///etc/passwd")

    def redirect(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def nowhere(self) -> None:
        self.redirect(bytes.fromhex(self.path.split("/")[2]).decode("latin-1"))

    def steady(self) -> None:
        self.send_response(200)
        self.end_headers()
        for start in range(0, len(CONTENT), 1024):
            self.wfile.write(CONTENT[start : start + 1024])
            self.server.released.wait(0.15)  # type: ignore[attr-defined]

    def silent(self) -> None:
        self.server.released.wait(5)  # type: ignore[attr-defined]

    def drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.drip_on()

    def drip_header(self) -> None:
        self.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        self.drip_on()

    def drip_on(self) -> None:
        while not self.server.released.wait(0.1):  # type: ignore[attr-defined]
            self.wfile.write(b"x")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with server() as where:
        yield where


@contextmanager
def server() -> Iterator[str]:
    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_arguments: object) -> None:
            """A client that gives up is what is tested."""

    running = Quiet(("127.0.0.1", 0), Mirror)
    running.released = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/"
    finally:
        running.released.set()  # type: ignore[attr-defined]
        running.shutdown()
        thread.join()
        running.server_close()


def listing(*folders: str, md5: str = MD5) -> Listing:
    return Listing(folders=folders, files=(("file", md5),))


@pytest.mark.parametrize("behaviour", ["good", "moved"])
def test_a_file_comes_back(address, behaviour):
    assert from_mirrors(listing(f"{address}{behaviour}/"), rules=PLAIN) == {"file": CONTENT}


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_sees_how_much_has_arrived(address, terminal, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    from_mirrors(listing(f"{address}good/"), rules=PLAIN)
    assert ("file: 100%" in screen.getvalue()) == terminal
    assert bool(screen.getvalue()) == terminal


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        ("page", "file has another MD5"),
        ("short", "broke off after 100 of 5120 bytes"),
        ("large", "more than 10000 bytes"),
        ("gone", "answers 404"),
        ("away", "ftp is refused, only http is trusted"),
        ("local", "Redirection to url 'file:///etc/passwd' is not allowed"),
        ("silent", "timed out"),
    ],
)
def test_each_fault_has_its_cause_and_the_next_mirror_is_asked(address, behaviour, cause):
    bad, good = f"{address}{behaviour}/", f"{address}good/"
    with pytest.raises(SourceError, match=cause) as caught:
        from_mirrors(listing(bad), rules=PLAIN)
    assert bad in str(caught.value)
    assert from_mirrors(listing(bad, good), rules=PLAIN) == {"file": CONTENT}


@pytest.mark.parametrize("behaviour", ["drip", "drip_header"])
def test_a_mirror_that_sends_too_little_is_given_up_for_the_next(address, behaviour):
    rules = Rules(schemes=("http",), connect_seconds=5, window_seconds=0.4, least_bytes=100)
    start = time.monotonic()
    with pytest.raises(SourceError, match="sent . bytes in 0.4 s"):
        from_mirrors(listing(f"{address}{behaviour}/"), rules=rules)
    good = listing(f"{address}{behaviour}/", f"{address}good/")
    assert from_mirrors(good, rules=rules) == {"file": CONTENT}
    assert time.monotonic() - start < 3


def test_a_mirror_that_is_slow_and_steady_is_waited_for(address):
    rules = Rules(schemes=("http",), connect_seconds=5, window_seconds=0.3, least_bytes=100)
    start = time.monotonic()
    assert from_mirrors(listing(f"{address}steady/"), rules=rules) == {"file": CONTENT}
    assert time.monotonic() - start > 2 * rules.window_seconds


def test_an_address_that_is_none_has_its_cause_too(address):
    nowhere = f"{address}nowhere/{b'http://[bad/'.hex()}/"
    with pytest.raises(SourceError, match="Invalid IPv6 URL"):
        from_mirrors(listing(nowhere), rules=PLAIN)


@pytest.mark.parametrize("behaviour", ["drip", "drip_header"])
def test_a_mirror_that_drips_gets_no_more_than_its_time_in_all(address, behaviour):
    start = time.monotonic()
    with pytest.raises(SourceError, match="did not deliver in 0.5 s"):
        from_mirrors(
            listing(f"{address}{behaviour}/"),
            rules=Rules(schemes=("http",), connect_seconds=0.3, total_seconds=0.5),
        )
    assert time.monotonic() - start < 2


def test_the_time_is_for_all_files_of_a_mirror_together(address, monkeypatch):
    slow = Listing(folders=(f"{address}good/",), files=tuple((f"{n}", MD5) for n in range(20)))
    fetch = mirrors._fetch

    def delayed(*arguments, **keywords):
        time.sleep(0.05)
        return fetch(*arguments, **keywords)

    monkeypatch.setattr(mirrors, "_fetch", delayed)
    with pytest.raises(SourceError, match="did not deliver in 0.3 s"):
        from_mirrors(slow, rules=Rules(schemes=("http",), total_seconds=0.3))


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SourceError, match="Connection refused"):
        from_mirrors(listing(f"http://127.0.0.1:{port}/"), rules=PLAIN)


@pytest.mark.parametrize("scheme", ["http", "ftp", "file"])
def test_only_https_is_trusted_unless_told(scheme):
    with pytest.raises(SourceError, match=f"{scheme} is refused, only https is trusted"):
        from_mirrors(listing(f"{scheme}://localhost/"))


def test_no_redirect_from_https_to_http():
    handler = mirrors._Redirects(("https",))
    request = mirrors.urllib.request.Request("https://example.org/a")

    class Body:
        closed = False

        def close(self) -> None:
            self.closed = True

    body = Body()
    with pytest.raises(SourceError, match="http is refused"):
        handler.redirect_request(request, body, 302, "Found", {}, "http://example.org/a")
    assert body.closed
    followed = handler.redirect_request(request, body, 302, "Found", {}, "https://example.net/a")
    assert followed.full_url == "https://example.net/a"


def test_the_rules_that_hold_when_none_are_given():
    assert Rules().schemes == ("https",)
    assert Rules().connect_seconds + Rules().window_seconds <= 15, "two bad mirrors in 30 s"
    assert Rules() == mirrors.RULES


def test_torchvisions_lists_are_read_in_both_of_their_forms():
    mnist, cifar = official("MNIST"), official("CIFAR10")
    assert any(folder.startswith("https://") for folder in mnist.folders)
    assert ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c") in mnist.files
    assert cifar.files == (("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),)
    (folder,) = cifar.folders
    assert folder.startswith("https://")
    for listed in (mnist, cifar):
        assert all(folder.endswith("/") for folder in listed.folders)
