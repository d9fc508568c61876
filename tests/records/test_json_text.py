"""One value has one text, and every number survives it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.records.json_text import canonical, compact, parse, sha256, spell, unspell

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(VALUES)
def test_writing_and_reading_keeps_every_value(value: object) -> None:
    back = unspell(parse(compact(value).encode()))
    # repr tells 1 from 1.0 and True, 0.0 from -0.0, and lets nan equal nan.
    assert repr(back) == repr(unspell(value))


@given(st.dictionaries(st.text(max_size=5), st.floats(), min_size=2))
def test_the_canonical_text_does_not_depend_on_the_order(value: dict[str, float]) -> None:
    reordered = dict(reversed(value.items()))
    assert canonical(reordered) == canonical(value)
    assert sha256(reordered) == sha256(value)


def test_the_three_words() -> None:
    words = spell([math.nan, math.inf, -math.inf, (1.5, {"a": math.nan})])
    assert words == ["nan", "inf", "-inf", [1.5, {"a": "nan"}]]


@pytest.mark.parametrize("content", [b"NaN", b"[Infinity]", b"", b"{", b"\xff", b"1 2"])
def test_only_strict_json_is_read(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(content)


def test_a_value_that_json_has_no_form_for_is_an_error() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        canonical({"a": object()})
    assert json.loads(compact({"a": (1, 2)})) == {"a": [1, 2]}
