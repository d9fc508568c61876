"""Reader of idx, the format of MNIST: a magic number, the sizes, then the bytes.

Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits". The magic
number is two zero bytes, a type code (8 = unsigned byte) and the number of dimensions; the sizes
follow as big-endian 32-bit integers.
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib

import numpy as np

from clipbench.data.arrays import Bytes
from clipbench.data.sources import SourceError

UNSIGNED_BYTE = 8


def read_idx(content: bytes, *, dims: int) -> Bytes:
    """Return the array in an idx file of unsigned bytes.

    Raises:
        SourceError: The magic number, the number of dimensions or the length is wrong.
    """
    header = 4 + 4 * dims
    if content[:4] != bytes((0, 0, UNSIGNED_BYTE, dims)) or len(content) < header:
        raise SourceError(f"this is no idx file of {dims} dimensions (it starts {content[:4]!r})")
    shape = struct.unpack(f">{dims}I", content[4:header])
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise SourceError(f"an idx file of {shape} has {expected} bytes, this one {len(content)}")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def gunzip(content: bytes, *, max_bytes: int) -> bytes:
    """Return the content of a gzip file, which may not be larger than ``max_bytes``.

    Raises:
        SourceError: It is larger, cut short, or not gzip.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            plain = file.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"a gzip file is damaged ({error})") from error
    if len(plain) > max_bytes:
        raise SourceError(f"a gzip file expands to more than {max_bytes} bytes")
    return plain
