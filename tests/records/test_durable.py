"""A durable write is all or nothing, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from clipbench.records import durable
from scripts.broken_system import BrokenSystem, Point, in_child, points_to_fail, points_to_kill

STEPS = ("open", "write", "fsync", "close", "replace")


@pytest.mark.parametrize("content", [b"", b"new", memoryview(bytes(3 * 2**20))])
def test_the_file_holds_exactly_the_new_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a longer old content")
    durable.write_bytes(path, content)
    assert path.read_bytes() == bytes(content)
    assert os.listdir(tmp_path) == ["file"]


def test_short_writes_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, rest: write(descriptor, rest[:3]))
    durable.write_bytes(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_leaves_the_old_content_and_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(type(error)):
            durable.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_failure_after_half_of_the_content_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write, calls = os.write, []

    def half_then_full(descriptor: int, rest: memoryview) -> int:
        calls.append(len(rest))
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(descriptor, rest[: len(rest) // 2])

    monkeypatch.setattr(os, "write", half_then_full)
    with pytest.raises(OSError, match="No space"):
        durable.write_bytes(path, b"new content")
    assert calls == [11, 6]
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_the_content_is_on_the_disk_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        order.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        fsync(descriptor)

    def watched_replace(source: Path, target: Path) -> None:
        order.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    durable.write_bytes(tmp_path / "file", b"new")
    assert order == ["file", "replace", "folder"]


def test_a_link_is_replaced_and_its_target_untouched(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    link = tmp_path / "link"
    link.symlink_to(target)
    durable.write_bytes(link, b"new")
    assert target.read_bytes() == b"precious"
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"


def test_the_longest_file_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    durable.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        durable.write_bytes(tmp_path / "missing" / "file", b"new")


def _replaced(folder: Path) -> None:
    durable.write_bytes(folder / "file", b"new content")


def _appended(folder: Path) -> None:
    file = durable.AppendFile(folder / "file")
    file.append(b" and more")
    file.close()


def _cut(folder: Path) -> None:
    durable.truncate(folder / "file", 2)


DEEDS = {
    _replaced: (b"new content",),
    _appended: (b"old and more",),
    _cut: (b"ol",),
}


@pytest.fixture(params=list(DEEDS))
def deed(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    return request.param


def _calls(
    deed: Callable[[Path], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    system = BrokenSystem()
    folder.mkdir()
    (folder / "file").write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(durable, "system", system)
        deed(folder)
    return system.seen


def test_a_kill_around_any_call_leaves_old_or_new(
    deed: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (new,) = DEEDS[deed]
    points = points_to_kill(_calls(deed, tmp_path / "whole", monkeypatch))
    assert len(points) > 6
    for point in points:
        folder = tmp_path / f"{point.how}-{point.number}"
        folder.mkdir()
        (folder / "file").write_bytes(b"old")

        def killed(point: Point = point, folder: Path = folder) -> None:
            durable.system = BrokenSystem(point)  # type: ignore[assignment]
            deed(folder)

        assert in_child(killed) == -signal.SIGKILL
        left = (folder / "file").read_bytes()
        torn = deed is _appended and point.how == "amid" and new.startswith(left)
        assert left in (b"old", new) or torn
        durable.remove_leftovers(folder)
        assert os.listdir(folder) == ["file"]


def test_an_error_of_any_call_names_the_file_and_leaves_old_or_new(
    deed: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (new,) = DEEDS[deed]
    errors = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
    points = points_to_fail(_calls(deed, tmp_path / "whole", monkeypatch), errors)
    for point in points:
        folder = tmp_path / f"{point.error}-{point.number}"
        folder.mkdir()
        (folder / "file").write_bytes(b"old")
        with monkeypatch.context() as patch:
            patch.setattr(durable, "system", BrokenSystem(point))
            with pytest.raises(OSError, match=os.strerror(point.error)) as caught:
                deed(folder)
        assert caught.value.errno == point.error
        assert caught.value.filename == str(folder / "file")
        assert (folder / "file").read_bytes() in (b"old", new)
        assert os.listdir(folder) == ["file"]


def test_a_full_disk_is_told_with_the_bytes_that_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "system", BrokenSystem(Point(1, "fail", errno.ENOSPC)))
    with pytest.raises(OSError, match=r"No space left on device \(12,345 bytes are needed\)"):
        durable.write_bytes(tmp_path / "file", bytes(12_345))


def test_folders_are_made_with_their_parents_and_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = BrokenSystem()
    monkeypatch.setattr(durable, "system", system)
    durable.make_folder(tmp_path / "a" / "b")
    assert system.seen == ["mkdir", "open", "fsync", "close"] * 2
    durable.make_folder(tmp_path / "a" / "b")
    assert len(system.seen) == 8
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        durable.make_folder(tmp_path / "file" / "c")
