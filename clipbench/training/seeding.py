"""Randomness without state: every draw is a function of the seed, its purpose and its place.

Nothing has to be saved, restored or skipped on resume, and a clip that drew random numbers could
not shift the weights or the order of the data.
"""

from __future__ import annotations

from hashlib import sha256

import torch


def derive(seed: int, purpose: str, index: int = 0) -> int:
    """Return a number in [0, 2^63) that depends on nothing but its arguments."""
    digest = sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, index: int = 0) -> torch.Generator:
    """Return a fresh CPU generator for one purpose (weights, order, augment) and one place."""
    return torch.Generator().manual_seed(derive(seed, purpose, index))
