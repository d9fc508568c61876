"""Predictions are read whole or refused by a reason."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest

from clipbench.analysis import predictions
from clipbench.analysis.predictions import PREDICTIONS_FILE, read_predictions
from clipbench.records.reading import RunError


def test_what_was_saved_is_read(tmp_path):
    np.savez_compressed(
        tmp_path / PREDICTIONS_FILE, labels=np.array([1, 2, 3]), predictions=np.array([1, 0, 3])
    )
    held = read_predictions(tmp_path)
    assert held.labels.tolist() == [1, 2, 3]
    assert held.predictions.tolist() == [1, 0, 3]
    assert held.correct.tolist() == [True, False, True]


class _Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def _archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def _npy(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array))
    return buffer.getvalue()


GOOD = _npy([1, 2])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        _archive(labels=GOOD),
        _archive(labels=GOOD, predictions=b"no array"),
        _archive(labels=GOOD, predictions=GOOD[:-3]),
        _archive(labels=GOOD, predictions=_npy([1, 2, 3])),
        _archive(labels=GOOD, predictions=_npy([1.0, 2.0])),
        _archive(labels=_npy([[1, 2]]), predictions=_npy([[1, 2]])),
        _archive(labels=GOOD, predictions=_npy(np.array([_Trap()], dtype=object))),
        _archive(labels=GOOD, predictions=pickle.dumps(_Trap())),
        _archive(labels=GOOD, predictions=GOOD)[:-40],
    ],
)
def test_anything_else_is_refused(tmp_path, content):
    (tmp_path / PREDICTIONS_FILE).write_bytes(content)
    with pytest.raises(RunError, match=PREDICTIONS_FILE):
        read_predictions(tmp_path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(RunError):
        read_predictions(tmp_path)


def test_a_small_archive_of_a_huge_array_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(predictions, "MAX_BYTES", 1000)
    many = np.zeros(10_000, dtype=int)
    np.savez_compressed(tmp_path / PREDICTIONS_FILE, labels=many, predictions=many)
    assert (tmp_path / PREDICTIONS_FILE).stat().st_size < 1000
    with pytest.raises(RunError, match="more than 1000"):
        read_predictions(tmp_path)
