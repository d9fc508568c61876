"""The official mirrors as a source: torchvision's list of addresses and MD5s, over https only.

torchvision's own download has no timeout and falls back to plain http, so only its list is used.
A mirror is watched while it looks up its name, connects and answers: one that sends too little in
too long a time is given up for the next, and one that is merely slow is waited for.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from email.message import Message
from functools import partial
from typing import IO, Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from tqdm import tqdm

from clipbench.data.sources import SourceError
from clipbench.data.vision import import_torchvision

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a mirror is allowed.

    Args:
        schemes: Of its addresses, and of those it redirects to.
        connect_seconds: To connect, and between two signs of life.
        window_seconds: In each of which it must send ``least_bytes``, or end.
        least_bytes: The lowest speed that is waited for, per window.
        total_seconds: For all files of the set together.
        max_bytes: Of a file.
    """

    schemes: tuple[str, ...] = ("https",)
    connect_seconds: float = 5.0
    window_seconds: float = 10.0
    least_bytes: int = 2**18
    total_seconds: float = 3600.0
    max_bytes: int = 256 * 2**20


RULES = Rules()


@dataclass
class Progress:
    """How far a mirror is, and whether anybody still waits for it."""

    received: int = 0
    abandoned: bool = False


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Files of a set and the addresses of the folders that hold them all.

    Args:
        folders: Addresses that end in a slash, in the order to try.
        files: Name and MD5 of each file.
    """

    folders: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


def official(dataset: str) -> Listing:
    """Return torchvision's listing of a set, ``dataset`` being its class there.

    Raises:
        SourceError: torchvision cannot be imported.
    """
    try:
        entry = getattr(import_torchvision().datasets, dataset)
    except (ImportError, RuntimeError) as error:
        raise SourceError(f"their list needs torchvision, which fails ({error})") from error
    if hasattr(entry, "mirrors"):
        return Listing(folders=tuple(entry.mirrors), files=tuple(entry.resources))
    folder = entry.url.removesuffix(entry.filename)
    return Listing(folders=(folder,), files=((entry.filename, entry.tgz_md5),))


def from_mirrors(listing: Listing, *, rules: Rules = RULES) -> dict[str, bytes]:
    """Return all files of a listing from the first mirror that has them all.

    Raises:
        SourceError: No mirror has them, with the cause of each.
    """
    causes = []
    for folder in listing.folders:
        try:
            return _watched(rules, partial(_fetch_all, folder, listing.files, rules))
        except (SourceError, OSError, http.client.HTTPException, ValueError) as error:
            # ValueError: an answer that sends us to an address which is none.
            causes.append(f"{folder} ({_brief(error)})")
    raise SourceError(", ".join(causes))


def _fetch_all(
    folder: str, files: Sequence[tuple[str, str]], rules: Rules, progress: Progress
) -> dict[str, bytes]:
    return {name: _fetch(folder + name, md5, rules, progress) for name, md5 in files}


def _fetch(address: str, md5: str, rules: Rules, progress: Progress) -> bytes:
    _require_scheme(address, rules.schemes)
    opener = urllib.request.build_opener(_Redirects(rules.schemes))
    request = urllib.request.Request(address, headers={"User-Agent": "clipbench"})
    with opener.open(request, timeout=rules.connect_seconds) as response:
        content = _receive(response, rules, progress)
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise SourceError(f"{_name(address)} has another MD5 than the published one")
    return content


def _receive(response: http.client.HTTPResponse, rules: Rules, progress: Progress) -> bytes:
    """Read a body; the bar is drawn only where stderr is a terminal."""
    expected = response.length  # None where the mirror does not say
    content = bytearray()
    bar = tqdm(total=expected, desc=_name(response.url), unit="B", unit_scale=True, disable=None)
    with bar:
        # read1 returns what has come; read would wait, for hours if the bytes only drip.
        while chunk := response.read1(2**18):
            content += chunk
            progress.received += len(chunk)
            bar.update(len(chunk))
            if len(content) > rules.max_bytes:
                raise SourceError(f"sends more than {rules.max_bytes} bytes")
            if progress.abandoned:
                raise SourceError("nobody waits for it any more")
    if expected is not None and len(content) < expected:
        raise SourceError(f"broke off after {len(content)} of {expected} bytes")
    return bytes(content)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects as usual, but none to a scheme that is not allowed."""

    def __init__(self, schemes: tuple[str, ...]) -> None:
        self.schemes = schemes

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
    ) -> Any:  # noqa: ANN401 -- as the library has it
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:  # the address is none; the library forgets the answer that named it
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message | http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            _require_scheme(newurl, self.schemes)
        except SourceError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _require_scheme(address: str, schemes: tuple[str, ...]) -> None:
    scheme = urlsplit(address).scheme
    if scheme not in schemes:
        raise SourceError(f"{scheme} is refused, only {' or '.join(schemes)} is trusted")


def _watched(rules: Rules, work: Callable[[Progress], T]) -> T:
    """Return the result of ``work``, or give up on it; its thread ends when it next gets a byte."""
    future: Future[T] = Future()
    progress = Progress()

    def run() -> None:
        try:
            future.set_result(work(progress))
        except BaseException as error:  # handed over to the caller whole
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return _awaited(future, rules, progress)
    finally:
        progress.abandoned = True


def _awaited(future: Future[T], rules: Rules, progress: Progress) -> T:
    deadline = time.monotonic() + rules.total_seconds
    while (left := deadline - time.monotonic()) > 0:
        before, window = progress.received, min(rules.window_seconds, left)
        try:
            return future.result(timeout=window)
        except TimeoutError:
            if future.done():  # a timeout of the work itself, such as that of a connection
                raise
        sent = progress.received - before
        if window == rules.window_seconds and sent < rules.least_bytes:
            raise SourceError(f"sent {sent} bytes in {window:g} s")
    raise SourceError(f"did not deliver in {rules.total_seconds:g} s")


def _brief(error: Exception) -> str:
    if isinstance(error, HTTPError):
        error.close()
        return f"answers {error.code} {error.reason}"
    if isinstance(error, URLError) and isinstance(error.reason, OSError):
        return str(error.reason.strerror or error.reason)
    return str(error) or type(error).__name__


def _name(address: str) -> str:
    return urlsplit(address).path.rsplit("/", 1)[-1]
