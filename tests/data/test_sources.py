"""The order of the sources, what is refused, and what a person is told."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import numpy as np
import pytest

from clipbench.data import cache
from clipbench.data.arrays import Arrays, digests
from clipbench.data.sources import DataError, Source, SourceError, obtain, verify
from tests.data.tiny_files import file_set, grey

ARRAYS = grey()


class Counted:
    """A source that counts how often it is asked, and gives arrays or a cause."""

    def __init__(self, answer: Arrays | str) -> None:
        self.answer = answer
        self.asked = 0

    def __call__(self) -> Arrays:
        self.asked += 1
        if isinstance(self.answer, str):
            raise SourceError(self.answer)
        return self.answer


def source(read: Counted, name: str = "somewhere", *, local: bool = False) -> Source:
    return Source(name=name, read=read, local=local)


def assert_equal(found: Arrays, expected: Arrays) -> None:
    for part in Arrays._fields:
        assert np.array_equal(getattr(found, part), getattr(expected, part))


def test_first_source_that_has_the_set_wins_and_the_cache_after_it(tmp_path):
    broken, good, late = Counted("down"), Counted(ARRAYS), Counted(ARRAYS)
    files = file_set(ARRAYS, source(broken, "a"), source(good, "b"), source(late, "c"))
    first = obtain(files, root=str(tmp_path), offline=False)
    second = obtain(files, root=str(tmp_path), offline=False)
    assert (broken.asked, good.asked, late.asked) == (1, 1, 0)
    for found in (first, second):
        assert_equal(found.arrays, ARRAYS)
        assert found.source == "b"
        assert found.sha256 == digests(ARRAYS)
    assert first.provenance == second.provenance
    assert first.provenance["source"] == "b"


def test_offline_asks_local_sources_only(tmp_path):
    far, near = Counted(ARRAYS), Counted(ARRAYS)
    files = file_set(ARRAYS, source(far, "far"), source(near, "near", local=True))
    assert obtain(files, root=str(tmp_path), offline=True).source == "near"
    assert far.asked == 0
    alone = file_set(ARRAYS, source(far, "far"), name="other")
    with pytest.raises(DataError, match="far: not asked \\(offline\\)"):
        obtain(alone, root=str(tmp_path), offline=True)
    assert far.asked == 0


def foreign() -> dict[str, Arrays]:
    other = ARRAYS.train_images.copy()
    other[0, 0, 0] ^= 1
    high = ARRAYS.test_labels.copy()
    high[0] = 200
    return {
        "one bit": ARRAYS._replace(train_images=other),
        "fewer labels": ARRAYS._replace(train_labels=ARRAYS.train_labels[:-1]),
        "label 200": ARRAYS._replace(test_labels=high),
        "other dtype": ARRAYS._replace(train_images=ARRAYS.train_images.astype(np.int64)),  # type: ignore[arg-type]
        "other size": grey(side=6),
    }


@pytest.mark.parametrize("answer", foreign().values(), ids=foreign())
def test_arrays_that_are_not_the_set_are_refused_and_not_cached(tmp_path, answer):
    files = file_set(ARRAYS, source(Counted(answer)))
    with pytest.raises(DataError, match="somewhere: (train|test)_(images|labels)"):
        obtain(files, root=str(tmp_path), offline=False)
    assert list(tmp_path.iterdir()) == []


def test_without_pinned_digests_shapes_and_labels_are_still_checked(tmp_path):
    answers = foreign()
    assert_equal(
        obtain(
            file_set(ARRAYS, source(Counted(answers.pop("one bit"))), sha256=None),
            root=str(tmp_path / "accepted"),
            offline=False,
        ).arrays,
        foreign()["one bit"],
    )
    for answer in answers.values():
        with pytest.raises(DataError):
            obtain(
                file_set(ARRAYS, source(Counted(answer)), sha256=None),
                root=str(tmp_path),
                offline=False,
            )


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "by record"])
def test_a_damaged_cache_is_reported_in_one_line_and_fetched_anew(tmp_path, caplog, pinned):
    changes = {} if pinned else {"sha256": None}
    read = Counted(ARRAYS)
    files = file_set(ARRAYS, source(read), **changes)
    obtain(files, root=str(tmp_path), offline=False)
    path = tmp_path / "tiny" / "train_images.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        found = obtain(files, root=str(tmp_path), offline=False)
    (record,) = caplog.records
    assert "tiny" in record.getMessage()
    assert "\n" not in record.getMessage()
    assert_equal(found.arrays, ARRAYS)
    assert read.asked == 2
    caplog.clear()
    obtain(files, root=str(tmp_path), offline=False)
    assert (caplog.records, read.asked) == ([], 2)


def test_damaged_and_offline_is_an_error_that_keeps_the_file(tmp_path):
    files = file_set(ARRAYS, source(Counted(ARRAYS)))
    obtain(files, root=str(tmp_path), offline=False)
    path = tmp_path / "tiny" / "train_labels.npy"
    path.write_bytes(b"short")
    with pytest.raises(DataError, match="cache: .*train_labels.npy"):
        obtain(files, root=str(tmp_path), offline=True)
    assert path.read_bytes() == b"short"


def test_the_error_has_three_lines_with_each_cause_and_the_remedy(tmp_path):
    files = file_set(
        ARRAYS,
        source(Counted("first\nline broken"), "mirror"),
        source(Counted("no npm"), "registry"),
        package="dataset-tiny",
    )
    with pytest.raises(DataError) as caught:
        obtain(files, root=str(tmp_path), offline=False)
    what, causes, remedy = str(caught.value).splitlines()
    assert what.startswith("tiny:")
    assert str(tmp_path) in causes
    assert "mirror: first line broken" in causes
    assert "registry: no npm" in causes
    for word in ("dataset-tiny", "CLIPBENCH_DATA", "data.root", "clipbench data get tiny"):
        assert word in remedy


def test_a_cache_that_cannot_be_written_is_an_error_of_the_disk(tmp_path):
    (tmp_path / "tiny").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="tiny"):
        obtain(file_set(ARRAYS, source(Counted(ARRAYS))), root=str(tmp_path), offline=False)


def test_verify(tmp_path):
    files = file_set(ARRAYS, source(Counted(ARRAYS), "here"))
    with pytest.raises(DataError, match="tiny: not in .*\n.*clipbench data get tiny"):
        verify(files, root=str(tmp_path))
    obtain(files, root=str(tmp_path), offline=False)
    assert verify(files, root=str(tmp_path)) == "here"
    other = grey(seed=1)
    cache.write(tmp_path / "tiny", other, source="else", sha256=digests(other))
    with pytest.raises(DataError, match="another SHA-256"):
        verify(files, root=str(tmp_path))


def test_offline_opens_no_socket_and_starts_no_program(tmp_path, monkeypatch):
    from clipbench.data import cifar10, cifar100, mnist

    def forbidden(*_arguments: object, **_keywords: object) -> None:
        raise AssertionError("this needs the network")

    monkeypatch.setattr("socket.socket", forbidden)
    monkeypatch.setattr(subprocess, "Popen", forbidden)
    for module in (mnist, cifar10, cifar100):
        with pytest.raises(DataError, match="offline"):
            module.load(root=str(tmp_path), val_size=10, offline=True)
    assert list(Path(tmp_path).iterdir()) == []
