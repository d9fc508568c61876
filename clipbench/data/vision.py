"""Imports torchvision; the only place that does, because it takes seconds and may need a cure."""

from __future__ import annotations

from types import ModuleType


def import_torchvision() -> ModuleType:
    """Return torchvision.

    Its only Linux build on the package index is made for a CUDA torch. Beside a CPU torch its
    compiled operators cannot be loaded; it notes that silently and then fails to describe two of
    them to torch. Declared by hand, unusable as they are, they let the import pass. Where the
    compiled operators load, the first import succeeds and nothing is declared.
    """
    try:
        import torchvision
    except RuntimeError:
        import torch

        for operator in ("nms", "qnms"):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", schema)
        import torchvision
    module: ModuleType = torchvision
    return module
