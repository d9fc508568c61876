"""Dropout whose mask is a pure function of a key and of an element's place.

Srivastava et al. 2014 (JMLR 15); here y = x * keep / (1 - p) in training and y = x in evaluation.
torch's own layer draws from a global generator, which a resumed run, another device or a stack of
seeds would each find in another state. Here the mask is a hash: the loop writes a key into each
layer before the step, `forward` draws nothing, and the same key gives the same mask anywhere.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

LOW_32_BITS = 0xFFFFFFFF


class Dropout(nn.Module):
    """Zero each element with probability p, chosen by hashing (key, index of the element)."""

    key: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0.0 <= p < 1.0:
            raise ValueError(f"Dropout needs 0 <= p < 1, got p={p}.")
        self.p = p
        # Not persistent: a function of seed, step and site has no place in a checkpoint.
        self.register_buffer("key", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Keep shape and dtype; the identity in evaluation and at p = 0."""
        if not self.training or self.p == 0.0:
            return x
        keep = hash_of(self.key, x) >= round(self.p * 2**32)
        return x * (keep.to(x.dtype) / (1.0 - self.p))


def hash_of(key: Tensor, x: Tensor) -> Tensor:
    """Give each element of x a number, uniform in [0, 2^32), that depends on key and index only."""
    index = torch.arange(x.numel(), dtype=torch.int64, device=x.device).reshape(x.shape)
    # Two keyed rounds: with one, a key would only permute the elements of another key's mask.
    return _mix(_mix(index ^ (key & LOW_32_BITS)) ^ (key >> 32))


def _mix(h: Tensor) -> Tensor:
    """Mix 32 bits held in int64, in the way of MurmurHash3's finaliser.

    Both factors lie below 2^31, so that no product leaves the int64 range on any device.
    """
    h = ((h ^ (h >> 16)) * 0x21F0AAAD) & LOW_32_BITS
    h = ((h ^ (h >> 15)) * 0x735A2D97) & LOW_32_BITS
    return h ^ (h >> 15)


def dropout_keys(model: nn.Module, key: int) -> dict[str, int]:
    """Derive from one key the key of every dropout site, under the name of its buffer."""
    sites = [name for name, module in model.named_modules() if isinstance(module, Dropout)]
    return {f"{name}.key": _site_key(key, index) for index, name in enumerate(sites)}


def set_dropout_keys(model: nn.Module, key: int) -> None:
    """Write the keys of the coming step into the model.

    Args:
        model: Any model; without dropout nothing is written.
        key: Any integer, another one for every (seed, step).
    """
    for name, value in dropout_keys(model, key).items():
        model.get_buffer(name).fill_(value)


def _site_key(key: int, index: int) -> int:
    digest = hashlib.blake2b(f"{key}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1  # non-negative in int64
