"""Freed memory is kept for the next step instead of being handed back to the system.

A step allocates and frees the same large tensors as the one before. By default glibc's allocator
maps each of them anew, and the system fills every page with zeros before its first use: on a CPU
that can cost as much as the arithmetic. Results do not depend on it; the process holds on to its
peak memory until it ends.
"""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # their numbers in malloc.h
KEPT_BYTES = 2**30


def keep_freed_memory() -> bool:
    """Ask the C library to keep freed blocks up to 1 GiB; return whether it does."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # not glibc
        return False
    return all(mallopt(key, KEPT_BYTES) == 1 for key in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD))
