"""A tiny run to test the training room with: synthetic images, a two-site network."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from clipbench.clips.learnable import LearnableClip
from clipbench.data import synthetic
from clipbench.data.batches import OrderedBatches, ShuffledBatches
from clipbench.data.images import ImageData
from clipbench.grad_clips.base import GradClip
from clipbench.models.mlp import MLP
from clipbench.optim.adamw import adamw
from clipbench.optim.cosine import cosine
from clipbench.optim.param_groups import param_groups
from clipbench.training.seeding import generator
from clipbench.training.state import TrainState


class Silence:
    """A progress display that shows nothing."""

    def step(self) -> None: ...

    def epoch(self, epoch: int, scalars: Any) -> None: ...


def tiny_data() -> ImageData:
    return synthetic.load(num_samples=300, image_size=8, in_channels=1, num_classes=4, val_size=60)


def tiny_model(
    data: ImageData, *, seed: int = 0, make_clip: Any = LearnableClip, **keys: Any
) -> MLP:
    return MLP(
        make_clip=make_clip,
        in_channels=data.in_channels,
        image_size=data.image_size,
        num_classes=data.num_classes,
        generator=generator(seed, "weights"),
        widths=[16, 12],
        **keys,
    )


def tiny_batches(data: ImageData, *, seed: int = 0) -> ShuffledBatches:
    return ShuffledBatches(
        data.train,
        batch_size=32,
        mean=data.mean,
        std=data.std,
        generator_for=partial(generator, seed),
        augment=None,
    )


def tiny_ordered(data: ImageData, part: str = "val") -> OrderedBatches:
    return OrderedBatches(getattr(data, part), batch_size=32, mean=data.mean, std=data.std)


def tiny_state(
    model: torch.nn.Module,
    *,
    total_steps: int,
    seed: int = 0,
    lr: float = 3e-3,
    grad_clip: GradClip | None = None,
) -> TrainState:
    optimizer = adamw(param_groups(model), lr=lr)
    remembered = {} if grad_clip is None else grad_clip.init(total_steps=total_steps)
    schedule = cosine(total_steps=total_steps)
    return TrainState(model, optimizer, schedule, seed, grad_clip_state=remembered)


def tiny_run(folder: Path, *, epochs: int = 2, seed: int = 0, **changes: Any) -> TrainState:
    """Train the tiny network with a journal in ``folder``.

    Keyword arguments stand in for what this would make: ``model``, ``state``, ``probes``,
    ``recorder``, ``grad_clip``, ``regularizer``, ``save``, ``precision``, ``compile_model`` and
    what ``train`` takes.
    """
    from clipbench.records.recorder import Recorder
    from clipbench.training.loop import train
    from clipbench.training.seed_run import SeedRun
    from clipbench.training.step import Step

    data = tiny_data()
    batches = changes.pop("train_batches", None) or tiny_batches(data, seed=seed)
    model = changes.pop("model", None) or tiny_model(data, seed=seed)
    steps = epochs * batches.steps_per_epoch
    of_step = {
        key: changes.pop(key)
        for key in ("grad_clip", "regularizer", "compile_model")
        if key in changes
    }
    state = changes.pop("state", None) or tiny_state(
        model, total_steps=steps, seed=seed, grad_clip=of_step.get("grad_clip")
    )
    folder.mkdir(parents=True, exist_ok=True)
    with Recorder(folder) as recorder:
        run = SeedRun(
            state=state,
            val_batches=changes.pop("val_batches", None) or tiny_ordered(data),
            probes=changes.pop("probes", []),
            recorder=changes.pop("recorder", recorder),
            save=changes.pop("save", lambda state, *, best=False: None),
            precision=changes.pop("precision", "fp32"),
        )
        update = Step(run, batches=batches, total_steps=steps, **of_step)
        settings: dict[str, Any] = {
            "epochs": epochs,
            "log_every": 3,
            "save_every": None,
            "progress": Silence(),
            "should_stop": lambda: False,
        }
        try:
            train(update, **{**settings, **changes})
        finally:
            update.close()
    return state
