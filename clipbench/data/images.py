"""What an image set is to the rest: tensors that live on one device whole, and their statistics.

Images stay uint8 and are normalised a batch at a time, ``(x - mean) / std`` by channel, with the
mean and deviation of the training part. So a set takes a byte a pixel on the device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from clipbench.data.arrays import Arrays, Bytes
from clipbench.data.augment import Augment

# torch is imported where it is used: `clipbench data list` reads the set files, which need the
# names of this file, and has to start without it.
if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a set.

    Args:
        images: uint8 ``(N, C, H, W)``.
        labels: int64 ``(N,)``.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: str | torch.device) -> Split:
        """Return the part on another device."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageData:
    """A set of square images, split, with what a model and a record need to know of it.

    Args:
        name: As on the command line.
        train: What is trained on.
        val: Held out from the training images of the set; may be empty.
        test: For one use, at the end of a run.
        num_classes: Length of the logits.
        class_names: One for each label, in order.
        mean: float32 ``(C,)``, of the training part, in pixel units.
        std: float32 ``(C,)``, the same (dividing by N); 1 where a channel is constant.
        augment: What is done to training images; None where they stay as they are.
        provenance: Source and digests.
    """

    name: str
    train: Split
    val: Split
    test: Split
    num_classes: int
    class_names: tuple[str, ...]
    mean: Tensor
    std: Tensor
    augment: Augment | None
    provenance: dict[str, str]

    @property
    def in_channels(self) -> int:
        """Channels of an image."""
        return self.train.images.shape[1]

    @property
    def image_size(self) -> int:
        """Height, which is also the width, of an image in pixels."""
        return self.train.images.shape[2]

    def to(self, device: str | torch.device) -> ImageData:
        """Return the set on another device, every part of it."""
        return replace(
            self,
            train=self.train.to(device),
            val=self.val.to(device),
            test=self.test.to(device),
            mean=self.mean.to(device),
            std=self.std.to(device),
        )


def assemble(
    arrays: Arrays,
    *,
    name: str,
    class_names: tuple[str, ...],
    provenance: Mapping[str, str],
    val_size: int,
    split_seed: int,
    augment: Augment | None,
) -> ImageData:
    """Make a set of decoded arrays.

    Args:
        arrays: Images ``(N, H, W)`` or ``(N, H, W, C)``.
        name: As on the command line.
        class_names: One for each label, in order.
        provenance: Source and digests.
        val_size: How many training images are held out for validation.
        split_seed: Which ones; the same for every seed of a run.
        augment: What is done to training images.

    Raises:
        ValueError: The images are not square, or none is left to train on.
    """
    height, width = arrays.train_images.shape[1:3]
    if height != width:
        raise ValueError(f"a data set needs square images, {name} has {height}x{width}")
    whole = _as_split(arrays.train_images, arrays.train_labels)
    train, val = split_validation(whole, val_size=val_size, split_seed=split_seed)
    mean, std = statistics(train.images)
    return ImageData(
        name=name,
        train=train,
        val=val,
        test=_as_split(arrays.test_images, arrays.test_labels),
        num_classes=len(class_names),
        class_names=class_names,
        mean=mean,
        std=std,
        augment=None if augment is None or augment.idle else augment,
        provenance=dict(provenance),
    )


def _as_split(images: Bytes, labels: Bytes) -> Split:
    import torch

    with_channels = images[..., None] if images.ndim == 3 else images
    # numpy transposes several times faster than torch here.
    channels_first = np.require(with_channels.transpose(0, 3, 1, 2), requirements=["C", "W"])
    return Split(torch.from_numpy(channels_first), torch.from_numpy(labels.astype(np.int64)))


def split_validation(split: Split, *, val_size: int, split_seed: int) -> tuple[Split, Split]:
    """Split into training and validation, each in the order of the whole.

    The validation part is the first ``val_size`` of a permutation, so that a larger one contains
    a smaller one of the same seed.

    Raises:
        ValueError: No training image is left.
    """
    import torch

    if val_size >= len(split):
        raise ValueError(
            f"data.val_size must leave an image to train on, got {val_size} of {len(split)}"
        )
    # torch takes 63 bits; for seeds that a person types this changes nothing.
    generator = torch.Generator().manual_seed(split_seed % 2**63)
    order = torch.randperm(len(split), generator=generator)
    held_out = torch.zeros(len(split), dtype=torch.bool)
    held_out[order[:val_size]] = True
    return _select(split, ~held_out), _select(split, held_out)


def _select(split: Split, marked: Tensor) -> Split:
    # Whole images are copied, which indexing with the marks does at a third of the speed.
    chosen = marked.nonzero().squeeze(1)
    return Split(split.images.index_select(0, chosen), split.labels.index_select(0, chosen))


def statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation by channel of uint8 ``(N, C, H, W)``, float32 ``(C,)``.

    They are exact up to the last rounding. The deviation of a constant channel is given as 1, so
    that normalising gives zeros.
    """
    import torch

    total = squares = np.zeros(images.shape[1])
    for chunk in images.split(128):  # a chunk that stays in the processor's cache
        pixels = chunk.numpy().astype(np.float64)
        # Sums of integers below 2^53, so float64 holds them exactly in whatever order.
        total = total + pixels.sum((0, 2, 3))
        squares = squares + np.einsum("nchw,nchw->c", pixels, pixels)
    number = images[:, 0].numel()
    pairs = zip(total, squares, strict=True)
    mean, std = zip(*(_mean_and_std(number, int(s), int(q)) for s, q in pairs), strict=True)
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(std, dtype=torch.float32)


def _mean_and_std(number: int, total: int, squares: int) -> tuple[float, float]:
    variance = (number * squares - total * total) / number**2
    return total / number, math.sqrt(variance) or 1.0


def normalize(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return ``(images - mean) / std`` by channel as float32, for a batch ``(N, C, H, W)``."""
    import torch

    # In place: a fresh tensor a pass costs more than the arithmetic.
    return images.to(torch.float32, copy=True).sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))
