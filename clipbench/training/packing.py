"""A state as bytes, and back: tensors and plain values only, never code, and checked both ways.

The bytes are those of ``torch.save`` in a frame with their SHA-256, because ``torch.load`` itself
takes most damage for content.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from clipbench.records.frame import unwrap, wrap

FORMAT = 1
MOST_COPIES = 4
"""Tensors may share memory, but not appear larger than this many times their file."""


def pack(state: Mapping[str, Any]) -> bytes:
    """Return a state as bytes.

    Raises:
        TypeError: It holds what `unpack` would refuse.
    """
    for key, value in leaves(state):
        if not _is_plain(value):
            raise TypeError(f"A state holds tensors and plain values; {key} is {_kind(value)}.")
    buffer = io.BytesIO()
    torch.save(_apart(state), buffer)
    return wrap(buffer.getbuffer(), version=FORMAT)


def unpack(content: bytes) -> dict[str, Any]:
    """Return the state, its tensors on the CPU.

    Raises:
        ValueError: These are not the bytes of a whole, finite state; the text goes on after the
            name of the file.
    """
    payload = unwrap(content, version=FORMAT)
    _refuse_expansion(payload)
    try:
        state = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:  # what a foreign pickle can make torch raise has no list
        # torch's own text advises to load it as code, which we never do.
        raise ValueError(f"holds no state ({type(error).__name__})") from error
    if not isinstance(state, dict):
        raise ValueError(f"holds no state but {_kind(state)}")
    _refuse_foreign(state, most=MOST_COPIES * len(payload))
    fault = non_finite(state)
    if fault is not None:
        raise ValueError(f"holds a non-finite value in {fault}")
    return state


def non_finite(state: Mapping[str, Any]) -> str | None:
    """Return the key of the first value that is not finite and should be.

    Infinity means "none yet" in the memory of a gradient clip and in a clip's own buffers, such as
    a bound that is set after training. NaN means nothing anywhere.
    """
    for key, value in leaves(state):
        if isinstance(value, Tensor):
            if not _is_fit(value, may_be_infinite=_may_be_infinite(key)):
                return key
        elif isinstance(value, float) and not math.isfinite(value):
            return key
    return None


def leaves(state: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield what a nested state holds, with dotted keys; what is held twice, once."""
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", dict(state))]
    while waiting:
        key, value = waiting.pop()
        if not isinstance(value, dict | list | tuple):
            yield key, value
        elif id(value) not in seen:
            seen.add(id(value))
            items = value.items() if isinstance(value, dict) else enumerate(value)
            inside = [(f"{key}.{name}" if key else str(name), held) for name, held in items]
            waiting.extend(reversed(inside))


def _apart(value: Any) -> Any:  # noqa: ANN401 -- whatever a state holds
    """Copy tensors that are a part of larger ones: torch would save the larger ones whole."""
    if isinstance(value, Tensor):
        whole = value.untyped_storage().nbytes() == value.numel() * value.element_size()
        return value if whole else value.clone()
    if isinstance(value, Mapping):
        return {key: _apart(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_apart(item) for item in value)
    return value


def _is_fit(value: Tensor, *, may_be_infinite: bool) -> bool:
    # A sum is finite only where all its terms are, and far cheaper; one that is not proves nothing.
    if value.dtype in (torch.float32, torch.float64) and math.isfinite(value.sum().item()):
        return True
    wrong = value.isnan() if may_be_infinite else ~value.isfinite()
    return not wrong.any()


def _may_be_infinite(key: str) -> bool:
    part, _, rest = key.partition(".")
    of_clip = part == "model" and rest.split(".")[-2:-1] == ["clip"]
    return part == "grad_clip_state" or of_clip


def _refuse_expansion(payload: memoryview) -> None:
    """Refuse an archive that needs more memory than its file has bytes; torch writes none."""
    if payload[:4] != b"PK\x03\x04":
        raise ValueError("holds no archive of torch")
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ValueError("holds a broken archive") from error
    compressed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    if compressed or sum(member.file_size for member in members) > len(payload):
        raise ValueError("holds a compressed archive, which torch does not write")


def _refuse_foreign(state: Mapping[str, Any], *, most: int) -> None:
    total = 0
    for key, value in leaves(state):
        if not _is_plain(value):
            raise ValueError(f"holds {_kind(value)} in {key}")
        if isinstance(value, Tensor):
            total += value.numel() * value.element_size()
    if total > most:
        raise ValueError(f"holds tensors of {total} bytes, which do not fit into it")


def _is_plain(value: object) -> bool:
    if isinstance(value, Tensor):
        return value.layout is torch.strided and not value.is_meta and not value.is_quantized
    return value is None or isinstance(value, bool | int | float | str)


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"
