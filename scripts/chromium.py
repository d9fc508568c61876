"""A headless Chromium for the campaign scripts, driven over its own debugging protocol.

The standard library is enough: the protocol is JSON in WebSocket frames. `find` says where the
browser is, and installs Debian's package where it may.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
         "--disable-dev-shm-usage", "--disable-background-networking", "--mute-audio",
         "--remote-debugging-port=0")  # fmt: skip


class NoBrowser(Exception):
    """There is no Chromium and none could be installed; the text says why."""


class PageError(Exception):
    """The page threw, or the browser refused a command."""


def find() -> str:
    """Return the path of a Chromium; install Debian's where there is none and it is allowed.

    Raises:
        NoBrowser: There is none.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is not None:
        return found
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise NoBrowser("no chromium on this machine, and no right to install Debian's package")
    for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(["apt-get", *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoBrowser(f"apt-get {words[0]} failed: {done.stderr.strip()[-200:]}")
    return find()


class Browser:
    """One page in a fresh profile; closed with everything it started."""

    def __init__(self, *, width: int = 1400, height: int = 1000) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        folder = Path(self._profile.name)
        command = [find(), *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        port = _first_line_of(folder / "DevToolsActivePort")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [page for page in json.load(answer) if page["type"] == "page"]
        self._socket = _Socket(pages[0]["webSocketDebuggerUrl"])
        self._number = 0
        self.troubles: list[str] = []
        """What the page wrote to its console as an error, and what it failed to fetch."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        """Give the window another size, in pixels."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def open(self, link: str) -> None:
        """Open a link in the page, from anew even where only its fragment differs."""
        self.command("Page.navigate", url="about:blank")
        self.command("Page.navigate", url=link)

    def evaluate(self, script: str) -> Any:  # noqa: ANN401 -- whatever the page answers
        """Return what an expression of the page's language gives."""
        answer = self.command(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise PageError(json.dumps(answer["exceptionDetails"])[:400])
        return answer["result"].get("value")

    def wait(self, script: str, *, seconds: float = 30.0) -> Any:  # noqa: ANN401
        """Wait until an expression is true of the page, and return it.

        Raises:
            TimeoutError: It did not become so.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            value = self.evaluate(script)
            if value:
                return value
            time.sleep(0.05)
        raise TimeoutError(f"not within {seconds} s: {script}")

    def image(self) -> bytes:
        """Return what the page shows as a PNG."""
        return base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"])

    def screenshot(self, file: Path) -> None:
        """Write what the page shows as a PNG."""
        file.write_bytes(self.image())

    def command(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command of the protocol and return its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            received = json.loads(self._socket.receive())
            if received.get("id") == self._number:
                if "error" in received:
                    raise PageError(f"{method}: {received['error']}")
                return dict(received["result"])
            self._note(received)

    def close(self) -> None:
        """End the browser and remove its profile."""
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._profile.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.troubles.append(json.dumps(parameters["exceptionDetails"])[:300])
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                self.troubles.append(parameters["entry"]["text"])
            case "Network.responseReceived" if parameters["response"]["status"] >= 400:
                self.troubles.append(parameters["response"]["url"])


class _Socket:
    """A WebSocket client, as far as this protocol needs one."""

    def __init__(self, address: str) -> None:
        host, _, path = address.removeprefix("ws://").partition("/")
        name, _, port = host.partition(":")
        self._socket = socket.create_connection((name, int(port)), timeout=60)
        self._file = self._socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET /{path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key}",
                 "Sec-WebSocket-Version: 13", "", ""]  # fmt: skip
        self._socket.sendall("\r\n".join(lines).encode())
        if b" 101 " not in self._file.readline():
            raise PageError("the browser refused the debugging connection")
        while self._file.readline().strip():
            pass

    def send(self, text: str) -> None:
        content = text.encode()
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(content))
        size = len(content)
        if size < 126:
            head = struct.pack(">BB", 0x81, 0x80 | size)
        elif size < 2**16:
            head = struct.pack(">BBH", 0x81, 0x80 | 126, size)
        else:
            head = struct.pack(">BBQ", 0x81, 0x80 | 127, size)
        self._socket.sendall(head + mask + masked)

    def receive(self) -> str:
        content = b""
        while True:
            first, size = self._file.read(2)
            if size == 126:
                (size,) = struct.unpack(">H", self._file.read(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", self._file.read(8))
            content += self._file.read(size)
            if first & 0x80:
                return content.decode()

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def _first_line_of(file: Path, *, seconds: float = 30.0) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if file.exists() and file.read_text():
            return file.read_text().splitlines()[0]
        time.sleep(0.05)
    raise NoBrowser(f"the browser did not start within {seconds} s")
