"""What a person sees while a run trains: two bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

SHOWN = {
    "train/accuracy": "train",
    "val/accuracy": "val",
    "sparsity/mean": "sparsity",
}


class Bars:
    """A bar for the run (epochs) and one for the current epoch (steps), on stderr."""

    def __init__(self, *, epochs: int, steps_per_epoch: int, label: str) -> None:
        self._run = tqdm(total=epochs, desc=label, unit="epoch", leave=True)
        self._epoch = tqdm(total=steps_per_epoch, desc="epoch 1", unit="step", leave=False)

    def step(self) -> None:
        """Move the bar of the epoch."""
        self._epoch.update()

    def epoch(self, epoch: int, scalars: Mapping[str, float]) -> None:
        """Move the bar of the run and start that of the next epoch."""
        self._run.update()
        self._run.set_postfix_str(headline(scalars))
        if epoch < self._run.total:
            self._epoch.reset()
            self._epoch.set_description(f"epoch {epoch + 1}")

    def __enter__(self) -> Bars:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._epoch.close()
        self._run.close()


class Lines:
    """One plain line an epoch on stderr: for logs, pipes and sweeps."""

    def __init__(self, *, epochs: int, label: str) -> None:
        self._epochs = epochs
        self._label = label

    def step(self) -> None:
        """Say nothing: a step is too small for a line."""

    def epoch(self, epoch: int, scalars: Mapping[str, float]) -> None:
        """Write the line of the epoch."""
        text = f"{self._label} epoch {epoch}/{self._epochs}  {headline(scalars)}"
        print(text, file=sys.stderr, flush=True)


def headline(scalars: Mapping[str, float]) -> str:
    """Return the few numbers of an epoch that fit on a line."""
    parts = [f"{word} {scalars[tag]:.4f}" for tag, word in SHOWN.items() if tag in scalars]
    if "seconds/train" in scalars:
        parts.append(f"{scalars['seconds/train']:.1f} s")
    return "  ".join(parts)


@contextmanager
def progress(*, epochs: int, steps_per_epoch: int, label: str) -> Iterator[Bars | Lines]:
    """Give bars where a person watches a terminal, lines elsewhere; log lines do not break bars."""
    if not sys.stderr.isatty():
        yield Lines(epochs=epochs, label=label)
        return
    bars = Bars(epochs=epochs, steps_per_epoch=steps_per_epoch, label=label)
    with logging_redirect_tqdm(), bars:
        yield bars
