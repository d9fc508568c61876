"""What made the runs is told once, and a mixture with its counts."""

from __future__ import annotations

from dataclasses import replace

from clipbench.analysis.load import UNREADABLE
from clipbench.analysis.origin import origins
from tests.analysis.made import made

FIRST = {"commit": "0123456789ab", "dirty": False, "versions": {"torch": "2.13"}, "device": "cpu"}


def test_one_origin_is_told_without_a_count():
    told = origins([replace(made(), origin=FIRST)] * 3)
    assert (told["commit"], told["torch"], told["device"]) == ("01234567", "2.13", "cpu")
    assert told["python"] == "unknown"


def test_a_mixture_is_counted():
    second = FIRST | {"commit": "fedcba9876", "dirty": True}
    told = origins([replace(made(), origin=one) for one in (FIRST, FIRST, second)])
    assert told["commit"] == "01234567 (2 runs), fedcba98 with changes (1 run)"


def test_what_cannot_be_read_has_no_origin():
    assert origins([replace(made(), status=UNREADABLE)]) == {}
    assert origins([made()])["commit"] == "unknown"
