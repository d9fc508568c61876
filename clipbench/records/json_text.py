"""JSON with non-finite numbers, and one text for one value.

JSON has no word for ``nan`` and the infinities. Records spell them as the strings ``"nan"``,
``"inf"`` and ``"-inf"`` and take these three strings back as numbers wherever numbers are expected.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import NoReturn

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def spell(value: object) -> object:
    """Replace every non-finite number inside a value by its word.

    >>> spell({"loss": float("inf"), "steps": [1, 2.5]})
    {'loss': 'inf', 'steps': [1, 2.5]}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if isinstance(value, Mapping):
        return {key: spell(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [spell(item) for item in value]
    return value


def unspell(value: object) -> object:
    """Put the numbers back for the three words, everywhere inside a value.

    >>> unspell({"loss": "inf", "name": "cnn"})
    {'loss': inf, 'name': 'cnn'}
    """
    if isinstance(value, str):
        return _NUMBERS.get(value, value)
    if isinstance(value, dict):
        return {key: unspell(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unspell(item) for item in value]
    return value


def compact(value: object) -> str:
    """Write a value on one line without spaces, keys in the order they came in."""
    return json.dumps(spell(value), separators=(",", ":"), allow_nan=False)


def canonical(value: object) -> str:
    """Write a value on one line with sorted keys: equal values give equal texts."""
    return json.dumps(spell(value), separators=(",", ":"), allow_nan=False, sort_keys=True)


def sha256(value: object) -> str:
    """Digest the canonical text of a value, in 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()


def parse(content: bytes) -> object:
    """Read strict JSON in UTF-8.

    Raises:
        ValueError: The bytes are not JSON, or use a number that JSON does not have.
        RecursionError: They are nested too deeply, here or in any function above on the result.
    """
    return json.loads(content.decode("utf-8"), parse_constant=_refuse)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")
