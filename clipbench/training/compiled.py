"""A model compiled for training: fewer passes over memory, the same numbers up to rounding."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch._inductor.exc import InvalidCxxCompiler


class NoCompiler(Exception):
    """The machine has nothing to compile with."""


def compiled(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return the compiled forward pass of a model, which shares its parameters and hooks.

    On a GPU the passes are replayed as CUDA graphs, so that launching them costs no time; logits
    are copied out of them, for a replay overwrites those of the one before. The first call
    compiles, which takes seconds to a minute.

    Raises:
        NoCompiler: When first called, on a CPU without a C++ compiler.
    """
    on_gpu = next(model.parameters()).device.type == "cuda"
    forward = torch.compile(model, mode="reduce-overhead" if on_gpu else None, dynamic=False)

    def call(images: Tensor) -> Tensor:
        try:
            logits: Tensor = forward(images)
        except InvalidCxxCompiler as error:
            raise NoCompiler(
                "trainer.compile needs a C++ compiler; install g++, or leave it out"
            ) from error
        return logits.clone() if on_gpu else logits

    return call
