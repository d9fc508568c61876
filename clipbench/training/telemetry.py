"""Samples loss, thresholds and gradients inside the loop without making the device wait.

Numbers stay on the device as one small vector per sample; they are read when the samples are
written, which is when the loop reads the device anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clipbench.clips.base import Clip, sites
from clipbench.probes.thresholds import by_tag, threshold_tensors
from clipbench.records.recorder import Recorder
from clipbench.training.gradients import global_norm, gradients_of, threshold_parameters
from clipbench.training.state import TrainState


@dataclass(frozen=True)
class _Sample:
    step: int
    epoch: int
    known: dict[str, float]
    tags: list[str]
    values: Tensor


class Telemetry:
    """Collects the samples of one run between two writes."""

    def __init__(self, state: TrainState) -> None:
        self._state = state
        self._threshold_parameters = threshold_parameters(state.model)
        self._samples: list[_Sample] = []
        self._pending: dict[str, Tensor] = {}

    def note(self, parts: Mapping[str, Tensor]) -> None:
        """Remember a step's loss; the next sample reports the means since the one before."""
        for tag, part in parts.items():
            self._state.unreported.setdefault(tag, []).append(part.detach())

    def sample_gradients(self, norm: Tensor) -> None:
        """Keep what is told of gradients; to be called between backward and clipping.

        A threshold without a gradient gets no tag, so that "none" and "zero" stay apart.

        Args:
            norm: Global gradient norm.
        """
        self._pending = {"grad_norm/total": norm}
        gradients = gradients_of(self._threshold_parameters)
        if gradients:
            share = global_norm(gradients) / norm.clamp_min(torch.finfo(norm.dtype).tiny)
            self._pending["grad_norm/threshold_share"] = share**2
        self._pending |= dict(self._threshold_gradients())

    def sample(self) -> None:
        """Take a sample after an update: mean loss, gradients, thresholds."""
        state = self._state
        values = {tag: torch.stack(parts).mean() for tag, parts in state.unreported.items()}
        values |= self._pending
        state.unreported, self._pending = {}, {}
        self._keep(values, {"learning_rate": state.optimizer.param_groups[0]["lr"]})

    def sample_thresholds(self) -> None:
        """Take a sample of the thresholds alone: where they start."""
        self._keep({}, {})

    def flush(self, recorder: Recorder) -> None:
        """Write all samples, oldest first, and forget them."""
        for sample in self._samples:
            read = dict(zip(sample.tags, sample.values.tolist(), strict=True))
            scalars = sample.known | read
            if scalars:
                recorder.write(step=sample.step, epoch=sample.epoch, scalars=scalars)
        self._samples = []

    def _keep(self, values: dict[str, Tensor], known: dict[str, float]) -> None:
        values = values | threshold_tensors(self._state.model)
        stacked = [value.detach().float() for value in values.values()]
        vector = torch.stack(stacked) if stacked else torch.empty(0)
        sample = _Sample(self._state.step, self._state.epoch, known, list(values), vector)
        self._samples.append(sample)

    def _threshold_gradients(self) -> Iterator[tuple[str, Tensor]]:
        for site, clip in sites(self._state.model).items():
            for name in clip.thresholds():
                gradient = gradient_of(clip, name)
                if gradient is not None:
                    yield from by_tag(f"threshold_grad/{site}/{name}", gradient).items()


def gradient_of(clip: Clip, name: str) -> Tensor | None:
    """Return the gradient of the parameter behind a threshold, or None where it has none."""
    raw = parameter_of(clip, name)
    return None if raw is None else raw.grad


def parameter_of(clip: Clip, name: str) -> nn.Parameter | None:
    """Return the parameter behind a threshold, or None where nothing is learned.

    A clip keeps a learned threshold as the attribute of that name.
    """
    owner = getattr(clip, name, None)
    parameters = list(owner.parameters()) if isinstance(owner, nn.Module) else [owner]
    raw = parameters[0] if parameters else None
    return raw if isinstance(raw, nn.Parameter) else None
