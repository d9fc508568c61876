"""Loss, accuracy and predictions of a model on a part of the data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clipbench.data.batches import OrderedBatches
from clipbench.training.loss import count_correct, cross_entropy
from clipbench.training.precision import Precision, autocast


@dataclass(frozen=True)
class Evaluation:
    """The result of one pass in evaluation mode.

    Attributes:
        loss: Mean cross-entropy over all images, in nats.
        accuracy: Share of images classified right, in [0, 1].
        predictions: Predicted class of each image, ``(N,)``, in the order of the data, on the CPU.
        confidences: Probability the model gives to that class, ``(N,)``, in [0, 1], on the CPU.
    """

    loss: float
    accuracy: float
    predictions: Tensor
    confidences: Tensor


@torch.no_grad()
def evaluate(
    model: nn.Module, batches: OrderedBatches, *, precision: Precision = "fp32"
) -> Evaluation:
    """Run the model over all batches in evaluation mode, then put it back into the mode it had.

    Args:
        model: Maps images to logits.
        batches: The part of the data.
        precision: Of the forward pass; that in which the model was trained.

    Raises:
        ValueError: There is no image to evaluate on.
    """
    was_training = model.training
    model.eval()
    losses, corrects, predictions, confidences, seen = [], [], [], [], 0
    try:
        for images, labels in batches:
            with autocast(images.device, precision):
                logits = model(images)
            losses.append(cross_entropy(logits, labels).double() * len(labels))
            corrects.append(count_correct(logits, labels))
            predictions.append(logits.argmax(dim=1))
            confidences.append(logits.float().softmax(dim=1).amax(dim=1))
            seen += len(labels)
    finally:
        model.train(was_training)
    if seen == 0:
        raise ValueError("evaluate needs at least one image, got none")
    sums = torch.stack([torch.stack(losses).sum(), torch.stack(corrects).sum().double()])
    loss, correct = sums.tolist()  # the only host read of the pass
    answers = torch.cat(predictions).cpu(), torch.cat(confidences).cpu()
    return Evaluation(loss / seen, correct / seen, *answers)
