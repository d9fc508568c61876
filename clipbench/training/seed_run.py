"""One seed in training together with what watches it: the unit that the loop records and saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from clipbench.data.batches import OrderedBatches
from clipbench.probes.observe import Probe, observe
from clipbench.probes.thresholds import threshold_histograms
from clipbench.records.recorder import Recorder
from clipbench.training.evaluate import Evaluation, evaluate
from clipbench.training.finite import Diverged
from clipbench.training.precision import Precision
from clipbench.training.state import TrainState
from clipbench.training.telemetry import Telemetry


class Save(Protocol):
    """Who makes a state last."""

    def __call__(self, state: TrainState, *, best: bool = False) -> None:
        """Save the state; ``best`` if its accuracy on the validation part is the highest yet."""


@dataclass
class SeedRun:
    """One seed in training.

    Attributes:
        state: All that changes.
        val_batches: The validation part.
        probes: What is measured on the validation part.
        recorder: Takes the records.
        save: Called at the end of each epoch, and when the run is stopped.
        precision: Of every forward pass.
        resumed: Whether it goes on with a state that was saved.
        diverged: How the seed diverged, where it did so without the others of its stack.
    """

    state: TrainState
    val_batches: OrderedBatches
    probes: Sequence[Probe]
    recorder: Recorder
    save: Save
    precision: Precision = "fp32"
    resumed: bool = False
    diverged: Diverged | None = None
    telemetry: Telemetry = field(init=False)

    def __post_init__(self) -> None:
        self.telemetry = Telemetry(self.state)

    def begin(self) -> None:
        """Record where the thresholds start and save the first state, unless that was done."""
        if not self.resumed:
            self.telemetry.sample_thresholds()
            self.telemetry.flush(self.recorder)
            self.save(self.state)

    def end_epoch(self, scalars: dict[str, float]) -> None:
        """Record an epoch and save.

        Args:
            scalars: Those of the whole epoch; they become the last ones of the state.
        """
        state, histograms = self.state, threshold_histograms(self.state.model)
        for probe in self.probes:
            scalars |= probe.compute()
            histograms |= probe.histograms()
        state.epoch += 1
        state.correct.zero_()
        state.last = scalars
        best = state.best is None or scalars["val/accuracy"] > state.best
        if best:
            state.best = scalars["val/accuracy"]
        self.recorder.write(
            step=state.step, epoch=state.epoch, scalars=scalars, histograms=histograms
        )
        self.save(state, best=best)

    def validate(self) -> Evaluation:
        """Evaluate on the validation part while the probes watch."""
        with observe(self.state.model, self.probes):
            return evaluate(self.state.model, self.val_batches, precision=self.precision)
