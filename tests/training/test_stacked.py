"""A stack of seeds against the same seeds one by one."""

from __future__ import annotations

from functools import cache

import pytest
import torch
import yaml

from clipbench.cli.assemble import assemble, load_data
from clipbench.cli.compose import compose
from clipbench.cli.conf_dir import conf_dir, option_names
from clipbench.data.batches import ShuffledBatches
from clipbench.data.stacked_batches import StackedBatches
from clipbench.training.packing import pack
from clipbench.training.seed_run import SeedRun
from clipbench.training.stacked import StackedStep
from clipbench.training.stacked_guard import LeaveAtOnce, LeaveWhenRead
from clipbench.training.step import Step

SMALL = ["data=synthetic", "data.num_samples=300", "data.image_size=6", "trainer.batch_size=16"]
SMALL += ["trainer.device=cpu", "model.widths=[6,5]", "optim.lr=0.02"]
CLIPS = option_names(conf_dir(), "clip")
SEEDS, STEPS, SAMPLED = (0, 1), 50, 10


class Doubles(ShuffledBatches):
    """The same batches in float64."""

    def take(self, chosen, rows):
        images, labels = super().take(chosen, rows)
        return images.double(), labels


class Notes:
    """Stands for a recorder and keeps what it gets."""

    def __init__(self):
        self.written = []

    def write(self, *, step, epoch, scalars, histograms=None):
        self.written.append((step, scalars))


@cache
def config_of(*words):
    return compose([*SMALL, *words]).jobs[0].config


def with_clip(name):
    node = yaml.safe_load((conf_dir() / "clip" / f"{name}.yaml").read_text())
    node.pop("defaults", None)
    return {**config_of("model=mlp"), "clip": node}


def _double(state):
    state.model.double()
    for held in state.optimizer.state.values():
        held.update({key: value.double() for key, value in held.items() if key != "step"})


class Seeds:
    """Some seeds of a configuration in float64, and the updates that train them."""

    def __init__(self, config, data, *, seeds=SEEDS):
        self.runs, self.batches = [], []
        for seed in seeds:
            parts = assemble(config, data, seed=seed, device=torch.device("cpu"))
            _double(parts.state)
            self.batches.append(Doubles(**vars(parts.train_batches)))
            self.runs.append(
                SeedRun(
                    state=parts.state,
                    val_batches=parts.val_batches,
                    probes=[],
                    recorder=Notes(),
                    save=lambda state, *, best=False: None,
                    precision=parts.precision,
                )
            )
        self.keys = {
            "total_steps": STEPS,
            "grad_clip": parts.grad_clip,
            "regularizer": parts.regularizer,
        }

    def stack(self):
        return StackedStep(self.runs, batches=StackedBatches(self.batches), **self.keys)

    def steps(self):
        pairs = zip(self.runs, self.batches, strict=True)
        return [Step(run, batches=batches, **self.keys) for run, batches in pairs]


def drive(update, *, steps=STEPS):
    """Make updates until so many are done; also what the loop does around them."""
    while update.runs and update.runs[0].state.step < steps:
        for run in update.runs:
            run.state.model.train()
        epoch, first = divmod(update.runs[0].state.step, update.batches.steps_per_epoch)
        for images, labels in update.batches.epoch(epoch, first=first):
            if not update.runs or update.runs[0].state.step == steps:
                break
            step = update.runs[0].state.step + 1
            update(images, labels, sampled=step % SAMPLED == 0)
    update.settle()
    for run in update.runs:
        run.telemetry.flush(run.recorder)


def together_and_apart(config):
    data = load_data(config)
    together, apart = Seeds(config, data), Seeds(config, data)
    drive(together.stack())
    for step in apart.steps():
        drive(step)
    return together.runs, apart.runs


def assert_alike(together, apart):
    """Compare two seeds in all that a checkpoint holds, and in what they recorded."""
    ours, theirs = together.state.state_dict(), apart.state.state_dict()
    assert ours["step"] == theirs["step"] == STEPS
    assert ours["correct"] == theirs["correct"]
    assert ours["optimizer"]["param_groups"] == theirs["optimizer"]["param_groups"]
    for mine, other in (
        (ours["model"], theirs["model"]),
        (ours["optimizer"]["state"], theirs["optimizer"]["state"]),
        (ours["grad_clip_state"], theirs["grad_clip_state"]),
    ):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-6)
    assert [step for step, _ in together.recorder.written] == [10, 20, 30, 40, 50]
    for (_, a), (_, b) in zip(together.recorder.written, apart.recorder.written, strict=True):
        assert a == pytest.approx(b, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("clip", CLIPS)
def test_every_clip_trains_in_a_stack_as_it_does_alone(clip):
    for pair in zip(*together_and_apart(with_clip(clip)), strict=True):
        assert_alike(*pair)


CHOICES = {
    "maps": [
        "model=cnn", "clip=learnable", "clip.per=channel", "grad_clip=agc",
        "data.augment.flip=true", "data.augment.crop=2", "data.augment.cutout=3",
    ],
    "maps without batch norm": [
        "model=cnn", "model.batch_norm=false", "clip=pact", "optim=sgd", "grad_clip=zclip",
    ],
    "dropout": ["model=mlp", "model.dropout=0.4", "clip=jumprelu", "regularizer=l0_ste",
        "grad_clip=autoclip"],
    "batch norm": ["model=mlp", "model.batch_norm=true", "clip=prelu", "grad_clip=norm",
        "regularizer=hoyer_square"],
    "data rule": ["model=mlp", "clip=learnable", "clip.init='percentile:90'", "grad_clip=value",
        "regularizer=threshold_l2"],
}  # fmt: skip


@pytest.mark.parametrize("words", CHOICES.values(), ids=CHOICES)
def test_every_other_choice_trains_in_a_stack_as_it_does_alone(words):
    for pair in zip(*together_and_apart(config_of(*words)), strict=True):
        assert_alike(*pair)


def lose_one(update, *, at):
    """Train a stack whose middle seed gets a weight that is not finite before a step."""
    drive(update, steps=at)
    lost = update.runs[1]
    with torch.no_grad():
        lost.state.model.get_parameter("head.weight")[0, 0] = float("inf")
    before = {name: value.clone() for name, value in lost.state.model.named_parameters()}
    drive(update)
    return lost, before


@pytest.mark.parametrize("guard", [LeaveAtOnce, LeaveWhenRead])
def test_a_seed_that_diverges_leaves_and_the_others_go_on_as_alone(guard):
    config = config_of("model=mlp", "clip=learnable", "grad_clip=zclip")
    data = load_data(config)
    together, apart = Seeds(config, data, seeds=(0, 1, 2)), Seeds(config, data, seeds=(0, 2))
    update = together.stack()
    update._guard = guard() if guard is LeaveAtOnce else guard(3, torch.device("cpu"))
    lost, before = lose_one(update, at=23)
    assert lost is together.runs[1]
    assert (lost.diverged.step, lost.diverged.where) == (23, "parameter head.weight")
    for name, value in lost.state.model.named_parameters():
        assert torch.equal(value, before[name]), name
    for step in apart.steps():
        drive(step)
    assert update.runs == [together.runs[0], together.runs[2]]
    for pair in zip(update.runs, apart.runs, strict=True):
        assert_alike(*pair)


def test_the_last_seed_may_leave_too():
    config = config_of("model=mlp", "clip=learnable")
    seeds = Seeds(config, load_data(config))
    update = seeds.stack()
    with torch.no_grad():
        for run in seeds.runs:
            run.state.model.get_parameter("head.weight").fill_(float("nan"))
    drive(update)
    assert update.runs == []
    assert [run.diverged.step for run in seeds.runs] == [0, 0]


def test_a_checkpoint_of_a_stacked_seed_is_as_large_as_that_of_one_alone():
    config = config_of("model=mlp", "clip=learnable")
    together, apart = (Seeds(config, load_data(config)) for _ in range(2))
    drive(together.stack(), steps=3)
    drive(apart.steps()[0], steps=3)
    alone = len(pack(apart.runs[0].state.state_dict()))
    assert len(pack(together.runs[0].state.state_dict())) == pytest.approx(alone, rel=0.01)


def test_an_optimizer_that_may_mix_seeds_is_refused():
    config = config_of("model=mlp", "clip=relu")
    seeds = Seeds(config, load_data(config))
    for run in seeds.runs:
        run.state.optimizer = torch.optim.Adagrad(run.state.model.parameters())
    with pytest.raises(TypeError, match="Adagrad may mix the seeds"):
        seeds.stack()
