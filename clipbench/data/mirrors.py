"""The official mirrors as a source: torchvision's list of addresses and MD5s, over https only.

torchvision's own download has no timeout and falls back to plain http, so only its list is used.
A mirror gets a fixed time in all, whatever it spends it on: looking up its name, connecting,
answering byte by byte.
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
from typing import IO, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from tqdm import tqdm

from clipbench.data.sources import SourceError
from clipbench.data.vision import import_torchvision

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a mirror is allowed."""

    schemes: tuple[str, ...] = ("https",)
    connect_seconds: float = 5.0
    total_seconds: float = 60.0
    max_bytes: int = 256 * 2**20


RULES = Rules()


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
            return _within(rules.total_seconds, lambda: _fetch_all(folder, listing.files, rules))  # noqa: B023
        except (SourceError, OSError, http.client.HTTPException) as error:
            causes.append(f"{folder} ({_brief(error)})")
    raise SourceError(", ".join(causes))


def _fetch_all(folder: str, files: Sequence[tuple[str, str]], rules: Rules) -> dict[str, bytes]:
    deadline = time.monotonic() + rules.total_seconds
    return {name: _fetch(folder + name, md5, rules, deadline=deadline) for name, md5 in files}


def _fetch(address: str, md5: str, rules: Rules, *, deadline: float) -> bytes:
    _require_scheme(address, rules.schemes)
    opener = urllib.request.build_opener(_Redirects(rules.schemes))
    request = urllib.request.Request(address, headers={"User-Agent": "clipbench"})
    with opener.open(request, timeout=rules.connect_seconds) as response:
        content = _receive(response, rules, deadline=deadline)
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise SourceError(f"{_name(address)} has another MD5 than the published one")
    return content


def _receive(response: http.client.HTTPResponse, rules: Rules, *, deadline: float) -> bytes:
    """Read a body; the bar is drawn only where stderr is a terminal."""
    expected = response.length  # None where the mirror does not say
    content = bytearray()
    bar = tqdm(total=expected, desc=_name(response.url), unit="B", unit_scale=True, disable=None)
    with bar:
        # read1 returns what has come; read would wait, for hours if the bytes only drip.
        while chunk := response.read1(2**18):
            content += chunk
            bar.update(len(chunk))
            if len(content) > rules.max_bytes:
                raise SourceError(f"sends more than {rules.max_bytes} bytes")
            if time.monotonic() > deadline:
                raise _too_slow(rules.total_seconds)
    if expected is not None and len(content) < expected:
        raise SourceError(f"broke off after {len(content)} of {expected} bytes")
    return bytes(content)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects as usual, but none to a scheme that is not allowed."""

    def __init__(self, schemes: tuple[str, ...]) -> None:
        self.schemes = schemes

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


def _within(seconds: float, work: Callable[[], T]) -> T:
    """Return the result of ``work``, or give up on it; its thread then ends at its own deadline."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # handed over to the caller whole
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return future.result(timeout=seconds)
    except TimeoutError as error:
        if future.done():  # a timeout of the work itself, such as that of a connection
            raise
        raise _too_slow(seconds) from error


def _too_slow(seconds: float) -> SourceError:
    return SourceError(f"did not deliver in {seconds:g} s")


def _brief(error: Exception) -> str:
    if isinstance(error, HTTPError):
        error.close()
        return f"answers {error.code} {error.reason}"
    if isinstance(error, URLError) and isinstance(error.reason, OSError):
        return str(error.reason.strerror or error.reason)
    return str(error) or type(error).__name__


def _name(address: str) -> str:
    return urlsplit(address).path.rsplit("/", 1)[-1]
