"""Augmentation of whole batches: what is done to a sample depends on seed, epoch and sample only.

For each epoch one table is drawn on the CPU, a row a sample; a batch takes its rows from it. So a
sample is treated the same whatever batch it falls in, on every device, and there is no state to
save. All columns are drawn whatever is switched on, so that one option does not shift another.

Cutout: T. DeVries, G. W. Taylor, "Improved Regularization of Convolutional Neural Networks with
Cutout", 2017, arXiv:1708.04552.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

# Imported where it is used, as in images.py.
if TYPE_CHECKING:
    import torch
    from torch import Tensor

FLIP, TOP, LEFT, ROW, COLUMN = range(5)


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What is done to training images.

    Args:
        flip: Mirror left and right with probability 1/2.
        crop: Pad by so many pixels of value zero on each side (black, as the papers do; not the
            mean), then cut the original size out at a random place.
        cutout: Side of a square, centred on a random pixel, that is set to the mean; the parts of
            it beyond the border are lost.
    """

    flip: bool = False
    crop: Annotated[int, Ge(0)] = 0
    cutout: Annotated[int, Ge(0)] = 0

    @property
    def idle(self) -> bool:
        """Whether images stay as they are."""
        return not self.flip and self.crop == 0 and self.cutout == 0

    def table(self, num_samples: int, image_size: int, generator: torch.Generator) -> Tensor:
        """Draw the table of one epoch on the CPU, int64 ``(num_samples, 5)``.

        The columns are: mirrored or not, top and left of the crop in the padded image, row and
        column of the centre of the cutout.
        """
        import torch

        ranges = [2 if self.flip else 1, 2 * self.crop + 1, 2 * self.crop + 1]
        ranges += [image_size, image_size]
        # In float64 a draw times its range stays below the range.
        draws = torch.rand(num_samples, len(ranges), generator=generator, dtype=torch.float64)
        return (draws * torch.tensor(ranges)).long()

    def apply(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return uint8 images ``(N, C, H, W)`` cropped and mirrored by their rows of the table."""
        import torch

        if not self.flip and self.crop == 0:
            return images
        height, width = images.shape[2:]
        vertical = torch.arange(height, device=images.device)
        across = torch.arange(width, device=images.device)
        mirrored = rows[:, FLIP, None].bool()
        y = rows[:, TOP, None] + vertical  # (N, H), in the padded image
        x = rows[:, LEFT, None] + torch.where(mirrored, across.flip(0), across)  # (N, W)
        padded = torch.nn.functional.pad(images, [self.crop] * 4)
        at = y[:, :, None] * padded.shape[3] + x[:, None, :]  # (N, H, W), in a flat plane
        chosen = at.flatten(1)[:, None].expand(-1, images.shape[1], -1)
        return padded.flatten(2).gather(2, chosen).view_as(images)

    def cut(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return normalised images ``(N, C, H, W)`` with the cutout of their rows set to zero.

        After normalisation, as in the paper: there zero is the mean exactly, so that the input
        keeps its mean, while on bytes the mean would have to be rounded.
        """
        import torch

        if self.cutout == 0:
            return images
        height, width = images.shape[2:]
        y = torch.arange(height, device=images.device) - rows[:, ROW, None] + self.cutout // 2
        x = torch.arange(width, device=images.device) - rows[:, COLUMN, None] + self.cutout // 2
        inside_y, inside_x = (y >= 0) & (y < self.cutout), (x >= 0) & (x < self.cutout)
        square = inside_y[:, None, :, None] & inside_x[:, None, None, :]  # (N, 1, H, W)
        return torch.where(square, 0.0, images)
