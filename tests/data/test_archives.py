"""Members of an archive are read by name into memory; nothing lands on the disk."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from clipbench.data.archives import read_members
from clipbench.data.sources import SourceError
from tests.data.tiny_files import tarball


def read(content: bytes, *names: str, max_bytes: int = 10_000) -> dict[str, bytes]:
    return read_members(io.BytesIO(content), names, max_bytes=max_bytes)


def test_only_what_is_named_is_returned():
    content = tarball({"a": b"1", "b": b"22", "c/d": b"333"})
    assert read(content, "c/d", "a") == {"a": b"1", "c/d": b"333"}


def test_a_missing_member_is_named():
    with pytest.raises(SourceError, match="has no file b, c"):
        read(tarball({"a": b"1"}), "a", "b", "c")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE]
)
def test_links_devices_and_folders_are_no_files(kind):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        info = tarfile.TarInfo("a")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(SourceError, match="has no file a"):
        read(target.getvalue(), "a")


def test_a_name_that_climbs_out_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = tarball({"../outside": b"1", str(tmp_path / "absolute"): b"2", "a": b"3"})
    assert read(content, "a", "../outside") == {"a": b"3", "../outside": b"1"}
    assert list(tmp_path.iterdir()) == []
    assert not (tmp_path.parent / "outside").exists()


def test_a_bomb_is_refused_before_it_is_unpacked():
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        info = tarfile.TarInfo("bomb")
        info.size = 10**7
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    assert len(target.getvalue()) < 20_000
    for name in ("bomb", "other"):  # asked for, or passed over
        with pytest.raises(SourceError, match="more than 10000 bytes"):
            read(target.getvalue(), name)


def test_damage_is_refused():
    content = tarball({"a": bytes(range(256)) * 40})
    half = content[: len(content) // 2]
    for bad in (b"", b"<html>", half, content[:40], gzip.compress(b"no tar" * 100)):
        with pytest.raises(SourceError):
            read(bad, "a", max_bytes=10**6)


def test_a_long_path_is_found_under_its_whole_name():
    name = "/".join(["folder" * 5] * 4) + "/file"
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    assert read(target.getvalue(), name) == {name: b"abc"}


@pytest.mark.parametrize("kind", [b"x", b"g", b"L"])
def test_an_extension_is_skipped_and_never_taken_in_whole(kind):
    info = tarfile.TarInfo("head")
    info.type, info.size = kind, 2**31
    head = info.tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(SourceError, match="more than 10000 bytes"):
        read(gzip.compress(head + bytes(2**16)), "a")
    info.size = 512
    small = info.tobuf(tarfile.GNU_FORMAT) + b"11 size=99\n".ljust(512, b"\0")
    assert read(gzip.compress(small + gzip.decompress(tarball({"a": b"1"}))), "a") == {"a": b"1"}


@pytest.mark.parametrize("size", [b"\xff" * 12, b"\x80" + b"\x7f" * 11, b"-0000000512\0"])
def test_a_size_that_is_none_leads_nowhere(size):
    header = bytearray(tarfile.TarInfo("a").tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(SourceError, match="no octal number"):
        read(gzip.compress(bytes(header) * 3), "a")
