"""A clock that waits for the device: on a GPU work is only queued when a call returns."""

from __future__ import annotations

from time import perf_counter

import torch

from clipbench.bench.turns import Clock


def device_clock(device: torch.device) -> Clock:
    """Return a clock in seconds that is read once all work given to the device is done."""
    if device.type == "cpu":
        return perf_counter
    wait = torch.cuda.synchronize if device.type == "cuda" else torch.mps.synchronize

    def read() -> float:
        wait()
        return perf_counter()

    return read
