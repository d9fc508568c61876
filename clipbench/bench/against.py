"""Two benches compared: what became slower or faster, and what else differs between them.

They did not run in turns, so a difference counts only where the middle halves of both do not
overlap; and even then it may be the machine's. A single value has no spread to lie beyond.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from clipbench.bench.measure import RATES, Measure, Part
from clipbench.bench.results import Results

Verdict = Literal["faster", "slower", "within the spread"]


@dataclass(frozen=True)
class Change:
    """One quantity in both.

    Attributes:
        earlier: Its median then.
        now: Its median now.
        ratio: Now over then.
        verdict: What that makes of it.
    """

    part: str
    row: str
    measure: str
    unit: str
    earlier: float
    now: float
    ratio: float
    verdict: Verdict


def changes(now: Results, earlier: Results) -> list[Change]:
    """Return every quantity that both have under the same names and in the same unit."""
    before = {key: measure for part in earlier.parts for key, measure in _measures(part)}
    return [
        _change(key, measure, before[key])
        for part in now.parts
        for key, measure in _measures(part)
        if key in before and before[key].unit == measure.unit
    ]


def caveats(now: Results, earlier: Results) -> list[str]:
    """Say what differs besides the code: machine, device, threads, versions, settings."""
    machines = "the machine is another one: what differs may be the machine's"
    said = [machines] if now.made["machine"] != earlier.made["machine"] else []
    said += _differing("device", earlier.device, now.device)
    said += _differing("threads", earlier.threads, now.threads)
    said += _differing_keys("", earlier.made["versions"], now.made["versions"])
    before = {part.name: part.settings for part in earlier.parts}
    for part in now.parts:
        if part.name in before:
            said += _differing_keys(f"{part.name} ", before[part.name], part.settings)
        else:
            said.append(f"{part.name} was not measured earlier")
    return said


def _change(key: tuple[str, str, str], now: Measure, earlier: Measure) -> Change:
    new, old = now.spread, earlier.spread
    verdict: Verdict = "within the spread"
    several = len(now.values) > 1 and len(earlier.values) > 1
    if several and (new.low > old.high or new.high < old.low):
        more = new.median > old.median
        verdict = "faster" if more == (now.unit in RATES) else "slower"
    part, row, measure = key
    ratio = new.median / old.median
    return Change(part, row, measure, now.unit, old.median, new.median, ratio, verdict)


def _measures(part: Part) -> Iterator[tuple[tuple[str, str, str], Measure]]:
    for row in part.rows:
        for name, measure in row.measures.items():
            yield (part.name, row.name, name), measure


def _differing_keys(where: str, earlier: object, now: object) -> list[str]:
    assert isinstance(earlier, dict)
    assert isinstance(now, dict)
    keys = dict.fromkeys([*earlier, *now])
    return [
        line for key in keys for line in _differing(f"{where}{key}", earlier.get(key), now.get(key))
    ]


def _differing(what: str, earlier: object, now: object) -> list[str]:
    return [] if earlier == now else [f"{what}: {earlier} then, {now} now"]
