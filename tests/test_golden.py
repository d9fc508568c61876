"""The golden run: a small run on digits whose record is kept; a refactor must not move it.

A change that moves it on purpose says why and stores the new one:
``CLIPBENCH_STORE_GOLDEN=1 scripts/test tests/test_golden.py``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from clipbench.cli.main import main
from clipbench.records.journal import comparable, read

STORED = Path(__file__).parent / "golden.json"
RUN = ["train", "data=digits", "model=cnn", "model.widths=[8,16]", "clip=learnable",
       "trainer.epochs=2", "trainer.device=cpu", "trainer.log_every=4"]  # fmt: skip


def records_of(folder: Path) -> list[dict]:
    assert main([*RUN, f"hydra.run.dir={folder}"]) == 0
    records, damaged = read(folder / "metrics.jsonl")
    assert damaged == []
    return [comparable(record) for record in records]


def test_twice_bit_equal_and_equal_to_the_stored_record(tmp_path):
    first, second = records_of(tmp_path / "a"), records_of(tmp_path / "b")
    assert first == second
    scalars = [{"step": record["step"], **record["scalars"]} for record in first]
    if os.environ.get("CLIPBENCH_STORE_GOLDEN"):
        STORED.write_text(json.dumps(scalars, indent=1) + "\n")
    stored = json.loads(STORED.read_text())
    assert [record.keys() for record in scalars] == [record.keys() for record in stored]
    for ours, theirs in zip(scalars, stored, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-3, rel=1e-3)
