"""The four idx files, from a folder, a mirror and a package, decode to the same arrays."""

from __future__ import annotations

import os

import numpy as np
import pytest

from clipbench.data import mnist_family
from clipbench.data.arrays import Arrays
from clipbench.data.mnist_family import decode_gzipped, from_folder, from_official, from_package
from clipbench.data.sources import SourceError
from tests.data.tiny_files import grey, gzipped_idx_files, idx_files, put_npm, tarball

ARRAYS = grey()


def assert_same(found: Arrays) -> None:
    for part in Arrays._fields:
        assert np.array_equal(getattr(found, part), getattr(ARRAYS, part))


def test_from_a_folder(tmp_path):
    for name, content in gzipped_idx_files(ARRAYS).items():
        (tmp_path / name).write_bytes(content)
    assert_same(from_folder(tmp_path))


def test_from_a_folder_that_is_not_there_or_not_whole(tmp_path):
    with pytest.raises(SourceError, match="not installed"):
        from_folder(tmp_path / "missing")
    with pytest.raises(SourceError, match="train-images-idx3-ubyte.gz cannot be read"):
        from_folder(tmp_path)


def test_a_named_pipe_among_the_files_holds_nobody_up(tmp_path):
    os.mkfifo(tmp_path / "train-images-idx3-ubyte.gz")
    with pytest.raises(SourceError, match="train-images-idx3-ubyte.gz cannot be read"):
        from_folder(tmp_path)


def test_from_a_mirror(monkeypatch):
    asked = []
    monkeypatch.setattr(mnist_family, "official", lambda dataset: asked.append(dataset))
    monkeypatch.setattr(mnist_family, "from_mirrors", lambda _: gzipped_idx_files(ARRAYS))
    assert_same(from_official("MNIST"))
    assert asked == ["MNIST"]


def test_from_a_package(tmp_path, monkeypatch):
    members = {f"package/data/{name}": plain for name, plain in idx_files(ARRAYS).items()}
    (tmp_path / "served.tgz").write_bytes(tarball(members))
    put_npm(tmp_path / "bin", f"cp {tmp_path}/served.tgz .")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert_same(from_package("some@1.0.0", folder="package/data"))


def test_images_where_labels_should_be_are_refused():
    files = gzipped_idx_files(ARRAYS)
    files["t10k-labels-idx1-ubyte.gz"] = files["t10k-images-idx3-ubyte.gz"]
    with pytest.raises(SourceError, match="no idx file of 1 dimensions"):
        decode_gzipped(files)


def test_a_file_that_expands_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(mnist_family, "MAX_FILE_BYTES", 20)
    with pytest.raises(SourceError, match="more than 20 bytes"):
        decode_gzipped(gzipped_idx_files(ARRAYS))
