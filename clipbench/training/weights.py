"""Putting saved weights into a model, and only weights that are this model's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor, nn

from clipbench.clips.threshold import Threshold
from clipbench.records.reading import RunError


def load_weights(model: nn.Module, weights: object, *, where: Path) -> None:
    """Load a saved ``model.state_dict()``; keys, shapes and dtypes must be the model's own.

    Args:
        model: What to load into; unchanged if anything does not fit.
        weights: What was saved.
        where: The file or folder it came from.

    Raises:
        RunError: Something does not fit, or is not finite; its key is named.
    """
    fault = next(_faults(model, weights), None)
    if fault is not None:
        raise RunError(
            f"The checkpoint is not of this model: {fault}.",
            where=where,
            remedy="Name the run it belongs to, or repeat this one: clipbench rerun.",
        )
    assert isinstance(weights, dict)
    model.load_state_dict(weights, strict=True)


def _faults(model: nn.Module, weights: object) -> Iterator[str]:
    if not isinstance(weights, dict):
        yield "it has no weights"
        return
    expected, trained = model.state_dict(), dict(model.named_parameters())
    growing = _growing(model)
    yield from (f"{key} is missing" for key in expected if key not in weights)
    yield from (f"{key!r} has no place in it" for key in weights if key not in expected)
    for key, own in expected.items():
        found = weights[key]
        if not isinstance(found, Tensor):
            yield f"{key} is no tensor"
        elif found.shape != own.shape and key not in growing:
            yield f"{key} has shape {tuple(found.shape)}, not {tuple(own.shape)}"
        elif found.dtype != own.dtype:
            yield f"{key} is {found.dtype}, not {own.dtype}"
        # A buffer may be infinite: a bound that is set after training.
        elif found.isnan().any() or (key in trained and found.isinf().any()):
            yield f"{key} is not finite"


def _growing(model: nn.Module) -> set[str]:
    """Name the thresholds per neuron: they get their shape from the data, or from what is saved."""
    return {
        f"{name}.raw"
        for name, module in model.named_modules()
        if isinstance(module, Threshold) and module.per == "neuron"
    }
