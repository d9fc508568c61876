"""Tensors that want a gradient but are no parameters: nothing that collects parameters sees them.

A plain attribute, a buffer, or a plain list of parameters: they look learned, appear neither in
``parameters()`` nor, but for the buffer, in the state of the module.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

# Where a module keeps what is registered, by kind.
_OF_MODULE = ("_parameters", "_buffers", "_modules")


def loose_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Find the leaves that want a gradient and are no parameters, by the path of the attribute.

    Attributes, buffers, and what lies in a list, tuple or dict that is an attribute. What a forward
    pass left behind is no leaf.
    """
    registered = {id(parameter) for parameter in module.parameters()}
    for path, part in module.named_modules():
        attributes = {key: kept for key, kept in vars(part).items() if key not in _OF_MODULE}
        for key, kept in {**attributes, **part._buffers}.items():
            for name, tensor in _tensors_in(kept, key):
                wanted = tensor.requires_grad and tensor.is_leaf and id(tensor) not in registered
                if wanted:
                    yield f"{path}.{name}" if path else name, tensor


def _tensors_in(kept: object, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(kept, Tensor):
        yield name, kept
    elif isinstance(kept, list | tuple):
        yield from ((f"{name}.{i}", part) for i, part in enumerate(kept) if _is_tensor(part))
    elif isinstance(kept, dict):
        yield from ((f"{name}.{key}", part) for key, part in kept.items() if _is_tensor(part))


def _is_tensor(kept: object) -> bool:
    return isinstance(kept, Tensor)
