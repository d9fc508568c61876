"""What a step minimises: the plain loss, the penalty on top, and the hooks behind it."""

from __future__ import annotations

import math
import weakref
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from clipbench.clips.base import Clip, sites
from clipbench.clips.fixed import FixedClamp
from clipbench.clips.learnable import LearnableClip
from clipbench.clips.published_sigmoid import PublishedSigmoid
from clipbench.clips.relu import ReLU
from clipbench.clips.sigmoid_gate import StraightThroughGate
from clipbench.clips.threshold import Threshold
from clipbench.records.journal import read
from clipbench.regularizers.base import Regularizer
from clipbench.regularizers.hoyer_square import HoyerSquare
from clipbench.regularizers.l0_ste import L0StraightThrough
from clipbench.regularizers.l1 import L1
from clipbench.regularizers.threshold_l2 import ThresholdL2
from clipbench.training.evaluate import evaluate
from clipbench.training.finite import Diverged
from clipbench.training.loop import Interrupted
from clipbench.training.loss import PlainLoss, RegularizedLoss, can_act, loss_for
from tests.training.tiny import tiny_batches, tiny_data, tiny_model, tiny_ordered, tiny_run

DATA = tiny_data()
IMAGES, LABELS = tiny_batches(DATA).batch(0, 0)
PENALTIES = [
    L1(strength=0.01),
    HoyerSquare(strength=0.01),
    L0StraightThrough(strength=0.5),
    ThresholdL2(strength=0.3),
]


def gated(seed=0):
    return tiny_model(DATA, seed=seed, make_clip=StraightThroughGate)


def hooks_of(model):
    return sum(len(module._forward_hooks) for module in model.modules())


def gradients(model, loss):
    return torch.autograd.grad(loss.total, list(model.parameters()))


def series(folder, tag):
    records, _ = read(folder / "metrics.jsonl")
    return [r["scalars"][tag] for r in records if tag in r["scalars"]]


def test_without_a_regularizer_it_is_the_cross_entropy_and_no_hook():
    model = gated()
    losses = loss_for(model, None)
    assert hooks_of(model) == 0
    step = losses(model, IMAGES, labels=LABELS, share=0.0)
    expected = F.cross_entropy(model(IMAGES), LABELS)
    assert torch.equal(step.total, expected)
    assert torch.equal(step.parts["train/loss"], expected)
    assert list(step.parts) == ["train/loss"]


@pytest.mark.parametrize("regularizer", PENALTIES, ids=lambda r: type(r).__name__)
def test_the_total_is_the_sum_of_its_parts_and_the_loss_stays_the_cross_entropy(regularizer):
    model = gated()
    step = RegularizedLoss(model, regularizer)(model, IMAGES, labels=LABELS, share=0.5)
    assert torch.equal(step.parts["train/loss"], F.cross_entropy(step.logits, LABELS))
    assert torch.equal(step.total, step.parts["train/loss"] + step.parts["train/penalty"])
    assert step.parts["train/penalty"].item() > 0


def test_penalties_see_what_the_sites_do():
    model = gated()
    x1 = model.fc1.linear(IMAGES.flatten(1))
    y1 = model.fc1.clip(x1)
    x2 = model.fc2.linear(y1)
    y2 = model.fc2.clip(x2)
    by_hand = {
        L1: sum(y.abs().sum() / len(y) for y in (y1, y2)),
        L0StraightThrough: sum(((x > 0.1).float().mean() / 0.2 - 1) ** 2 / 2 for x in (x1, x2)),
        ThresholdL2: torch.tensor(2 * 0.1**2),
    }
    for kind, expected in by_hand.items():
        step = RegularizedLoss(model, kind(strength=2.0))(model, IMAGES, labels=LABELS, share=0.0)
        torch.testing.assert_close(step.parts["train/penalty"], 2.0 * expected)


@pytest.mark.parametrize("regularizer", PENALTIES, ids=lambda r: type(r).__name__)
def test_before_its_start_the_gradients_are_those_without_it_to_the_bit(regularizer):
    model = gated()
    late = type(regularizer)(strength=regularizer.strength, start=0.5)
    plain = gradients(model, PlainLoss()(model, IMAGES, labels=LABELS, share=0.4))
    losses = RegularizedLoss(model, late)
    before = gradients(model, losses(model, IMAGES, labels=LABELS, share=0.4))
    after = gradients(model, losses(model, IMAGES, labels=LABELS, share=0.5))
    assert all(torch.equal(a, b) for a, b in zip(plain, before, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(plain, after, strict=True))


@pytest.mark.parametrize("regularizer", PENALTIES, ids=lambda r: type(r).__name__)
def test_two_stacked_models_have_the_penalties_and_gradients_of_each_alone(regularizer):
    models = [gated(seed=0), gated(seed=1)]
    models[1].fc1.clip.lower.set_value(0.4)
    base = gated()
    losses = RegularizedLoss(base, regularizer)
    parameters, buffers = stack_module_state(models)

    def penalty(parameters, buffers):
        forward = partial(functional_call, base, (parameters, buffers))
        step = losses(forward, IMAGES, labels=LABELS, share=0.5)
        return step.total, step.parts["train/penalty"]

    (slopes, penalties) = vmap(grad(penalty, has_aux=True))(parameters, buffers)
    assert penalties[0] != penalties[1]
    for i, model in enumerate(models):
        alone = RegularizedLoss(model, regularizer)(model, IMAGES, labels=LABELS, share=0.5)
        torch.testing.assert_close(penalties[i], alone.parts["train/penalty"])
        names = [name for name, _ in model.named_parameters()]
        for name, gradient in zip(names, gradients(model, alone), strict=True):
            torch.testing.assert_close(slopes[name][i], gradient, rtol=1e-4, atol=1e-6)


def test_a_compiled_model_gives_the_same():
    model = gated()
    losses = RegularizedLoss(model, PENALTIES[2])
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    plain = losses(model, IMAGES, labels=LABELS, share=0.5)
    traced = losses(compiled, IMAGES, labels=LABELS, share=0.5)
    torch.testing.assert_close(traced.parts["train/penalty"], plain.parts["train/penalty"])
    for a, b in zip(gradients(model, traced), gradients(model, plain), strict=True):
        torch.testing.assert_close(a, b)


def test_nothing_is_kept_alive_by_a_step_or_by_an_evaluation():
    model = tiny_model(DATA)
    losses = RegularizedLoss(model, L1())
    outputs = []
    watch = model.fc2.clip.register_forward_hook(lambda *a: outputs.append(weakref.ref(a[2])))
    step = losses(model, IMAGES, labels=LABELS, share=0.0)
    assert outputs[0]() is not None, "the graph holds it until the step is over"
    del step
    evaluate(model, tiny_ordered(DATA))
    watch.remove()
    assert len(outputs) > 1
    assert all(output() is None for output in outputs)


def test_closing_takes_every_hook_off():
    model = gated()
    losses = RegularizedLoss(model, L1())
    assert hooks_of(model) == 2
    losses.close()
    assert hooks_of(model) == 0


def test_a_clip_that_is_used_twice_is_refused_and_the_next_pass_is_clean():
    model = gated()
    losses = RegularizedLoss(model, L1())
    with pytest.raises(RuntimeError, match="each clip used once a pass, not 'fc1'"):
        losses(lambda x: model(x) + model(x), IMAGES, labels=LABELS, share=0.0)
    assert losses(model, IMAGES, labels=LABELS, share=0.0).total.isfinite()


class HalfLearned(Clip):
    """A clip with a learned threshold and one that training never moves."""

    def __init__(self, *, num_features: int | None = None) -> None:
        super().__init__(num_features=num_features)
        self.lower = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        return (x - self.lower).clamp(min=0.0)

    def thresholds(self):
        return {"lower": self.lower, "upper": torch.tensor(math.inf)}


def test_thresholds_that_are_not_learned_are_not_penalised():
    model = tiny_model(DATA, make_clip=HalfLearned)
    step = RegularizedLoss(model, ThresholdL2(strength=1.0))(
        model, IMAGES, labels=LABELS, share=0.0
    )
    assert step.parts["train/penalty"].item() == pytest.approx(2 * 0.5**2)


@pytest.mark.parametrize(
    ("regularizer", "clip", "acts"),
    [
        (L1(), ReLU, True),
        (HoyerSquare(), FixedClamp, True),
        (ThresholdL2(), ReLU, False),
        (ThresholdL2(), FixedClamp, False),
        (ThresholdL2(), LearnableClip, True),
        (ThresholdL2(), PublishedSigmoid, True),
        (L0StraightThrough(), ReLU, False),
        (L0StraightThrough(), LearnableClip, False),
        (L0StraightThrough(), PublishedSigmoid, False),
        (L0StraightThrough(), StraightThroughGate, True),
    ],
    ids=lambda v: getattr(v, "__name__", None) or type(v).__name__,
)
def test_a_penalty_that_would_change_nothing_is_known_before(regularizer, clip, acts):
    more = {"min": -1.0, "max": 1.0} if clip is FixedClamp else {}
    assert can_act(regularizer, clip(num_features=3, **more)) is acts


class PerNeuron(Clip):
    """A clip whose thresholds have no shape before data has been seen."""

    def __init__(self, *, num_features: int | None = None) -> None:
        super().__init__(num_features=num_features)
        self.upper = Threshold(
            "percentile:50", per="neuron", num_features=num_features, positivity="project"
        )

    def forward(self, x):
        return x.minimum(self.upper.for_input(x))

    def thresholds(self):
        return {"upper": self.upper.value()}


def test_the_trial_calibrates_first_and_leaves_no_gradient():
    clip = PerNeuron(num_features=3)
    assert can_act(ThresholdL2(), clip)
    assert clip.upper.raw.shape == (3,)
    assert clip.upper.raw.grad is None


def test_a_run_records_the_penalty_only_where_one_is_chosen(tmp_path):
    tiny_run(tmp_path / "without", log_every=1)
    tiny_run(tmp_path / "with", log_every=1, regularizer=ThresholdL2(strength=0.25))
    assert series(tmp_path / "without", "train/penalty") == []
    # Both sites start at 1; the first loss is that of the same weights.
    assert series(tmp_path / "with", "train/penalty")[0] == pytest.approx(0.25 * 2)
    first = [series(tmp_path / name, "train/loss")[0] for name in ("without", "with")]
    assert first[0] == first[1]


def test_the_penalty_comes_in_over_the_run(tmp_path):
    regularizer = ThresholdL2(strength=1e-9, start=0.25, full=0.75)
    state = tiny_run(tmp_path, epochs=4, log_every=1, regularizer=regularizer)
    recorded = series(tmp_path, "train/penalty")
    shares = [step / state.step for step in range(state.step)]
    assert len(recorded) == len(shares)
    for share, value in zip(shares, recorded, strict=True):
        factor = min(max((share - 0.25) / 0.5, 0.0), 1.0)
        assert value == pytest.approx(2e-9 * factor, rel=0.2, abs=1e-15)


def test_a_strong_penalty_does_what_it_is_for(tmp_path):
    ends = {}
    for name, regularizer in (("none", None), ("l2", ThresholdL2(strength=100.0))):
        state = tiny_run(tmp_path / name, regularizer=regularizer)
        ends[name] = [clip.thresholds()["upper"].item() for clip in sites(state.model).values()]
    assert all(a < b for a, b in zip(ends["l2"], ends["none"], strict=True))


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_leaves_no_hook_behind(tmp_path, stopped):
    model = tiny_model(DATA)
    if stopped:
        with pytest.raises(Interrupted):
            tiny_run(tmp_path, model=model, regularizer=L1(), should_stop=lambda: True)
    else:
        tiny_run(tmp_path, model=model, regularizer=L1())
    assert hooks_of(model) == 0


class Explosive(Regularizer):
    """A penalty that is not finite."""

    def __call__(self, activations, thresholds):
        return next(iter(activations.values())).outputs.sum() * math.inf


def test_a_penalty_that_is_not_finite_ends_the_run_and_is_named(tmp_path):
    with pytest.raises(Diverged, match="the penalty is not finite") as error:
        tiny_run(tmp_path, regularizer=Explosive(strength=1.0))
    assert error.value.step == 0
