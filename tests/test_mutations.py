"""A fast slice of the campaign that switches off each defence and looks for a test that is red."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts.campaign_mutations import DEFENCES, HOME, copied, switched_off


def test_each_defence_and_its_test_stand_where_the_campaign_looks_for_them():
    for one in DEFENCES:
        file, _, test = one.test.partition("::")
        assert (HOME / "clipbench" / one.file).read_text().count(one.line) == 1, one.name
        assert f"def {test.partition('[')[0]}(" in (HOME / file).read_text(), one.name


def test_each_test_is_found_with_its_parameters():
    names = [one.test for one in DEFENCES]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *names]
    found = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_one_that_is_switched_off_turns_its_test_red(tmp_path: Path):
    assert switched_off(copied(tmp_path / "copy"), DEFENCES[0]) == ""
