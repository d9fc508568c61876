"""The pictures of a run for whoever looks at it: drawn when it has ended, out of every step."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from clipbench.data.images import ImageData
from clipbench.records import png
from clipbench.records.confusion import confusion_counts, confusion_picture
from clipbench.records.journal import JOURNAL_FILE, read
from clipbench.records.mistakes import mistakes_picture, worst_mistakes
from clipbench.records.recorder import Recorder
from clipbench.records.threshold_picture import sites_of, threshold_picture
from clipbench.training.evaluate import Evaluation

SAMPLES = 64


def record_samples(recorder: Recorder, data: ImageData) -> None:
    """Record some training images, so that a viewer sees what the network is given."""
    images = data.train.images[:SAMPLES].cpu().numpy()
    recorder.image(step=0, tag="samples", pixels=png.enlarged(png.grid(png.brightened(images))))


def record_answers(recorder: Recorder, data: ImageData, *, step: int, test: Evaluation) -> None:
    """Record what the model made of the test part: all answers, and the surest wrong ones."""
    labels = data.test.labels.cpu().numpy()
    predictions, confidences = test.predictions.numpy(), test.confidences.numpy()
    counts = confusion_counts(labels, predictions, num_classes=data.num_classes)
    picture = confusion_picture(counts, data.class_names)
    recorder.image(step=step, tag="confusion", pixels=picture)
    worst = worst_mistakes(labels, predictions, confidences)
    if len(worst) > 0:
        picture = mistakes_picture(
            png.brightened(data.test.images[worst.tolist()].cpu().numpy()),
            labels=_named(labels[worst], data),
            answers=_named(predictions[worst], data),
            confidences=confidences[worst].tolist(),
        )
        recorder.image(step=step, tag="mistakes", pixels=picture)


def record_thresholds(recorder: Recorder, path: Path, *, step: int) -> None:
    """Record the way of the thresholds over the activations they cut, where there are any."""
    records, _ = read(path / JOURNAL_FILE)
    sites = sites_of(records)
    if sites:
        recorder.image(step=step, tag="thresholds", pixels=threshold_picture(sites))


def _named(classes: np.ndarray, data: ImageData) -> list[str]:
    return [data.class_names[index] for index in classes.tolist()]
