"""A traced stack against the same stack, untraced: to the same bits."""

import pytest
import torch
from torch import Tensor, nn

from clipbench.cli.assemble import load_data
from clipbench.clips.relu import ReLU
from clipbench.regularizers.threshold_l2 import ThresholdL2
from clipbench.training import stacked
from clipbench.training.packing import leaves
from clipbench.training.traced import WORTH_A_TRACE, traceable
from tests.training.test_stacked import CLIPS, Seeds, config_of, drive, with_clip

UPDATES = 4


def trained(config, *, traced, monkeypatch, losing=False):
    """Train a stack and return all that its seeds hold, by dotted key.

    Args:
        losing: Whether one more seed is in it, which leaves on the way.
    """
    monkeypatch.setattr(stacked, "traceable", lambda *_, **__: traced)
    seeds = Seeds(config, load_data(config), seeds=(0, 1, 2) if losing else (0, 1))
    update = seeds.stack()
    drive(update, steps=UPDATES // 2)
    if losing:
        with torch.no_grad():
            seeds.runs[1].state.model.get_parameter("head.weight")[0, 0] = float("inf")
    drive(update, steps=UPDATES)
    assert len(update.runs) == 2
    assert (update._traced._traced is not None) == traced
    return dict(leaves({str(run.state.seed): run.state.state_dict() for run in update.runs}))


def assert_same_bits(config, monkeypatch, **keys):
    ours = trained(config, traced=True, monkeypatch=monkeypatch, **keys)
    theirs = trained(config, traced=False, monkeypatch=monkeypatch, **keys)
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        other = theirs[key]
        assert torch.equal(value, other) if isinstance(value, Tensor) else value == other, key


@pytest.mark.parametrize("clip", CLIPS)
def test_every_clip_is_traced_to_the_same_bits(clip, monkeypatch):
    assert_same_bits(with_clip(clip), monkeypatch)


@pytest.mark.parametrize(
    "words",
    [
        ["model.dropout=0.4", "clip=jumprelu", "clip.bandwidth_end=0.01", "grad_clip=autoclip"],
        ["model.batch_norm=true", "clip=prelu", "grad_clip=norm", "optim=sgd"],
        ["clip=learnable", "clip.init='percentile:90'", "clip.per=channel", "grad_clip=zclip"],
    ],
    ids=["dropout and a width", "batch norm", "data rule"],
)
def test_what_changes_from_step_to_step_is_not_frozen(words, monkeypatch):
    assert_same_bits(config_of("model=mlp", *words), monkeypatch, losing=True)


class Foreign(nn.Module):
    pass


@pytest.mark.parametrize(
    ("model", "regularizer", "steps", "expected"),
    [
        (nn.Sequential(nn.Linear(2, 2), ReLU()), None, WORTH_A_TRACE, True),
        (nn.Sequential(nn.Linear(2, 2), ReLU()), None, WORTH_A_TRACE - 1, False),
        (nn.Sequential(nn.Linear(2, 2), ReLU()), ThresholdL2(), WORTH_A_TRACE, False),
        (nn.Sequential(nn.Linear(2, 2), Foreign()), None, WORTH_A_TRACE, False),
        (nn.Sequential(nn.Conv2d(2, 2, 1), ReLU()), None, WORTH_A_TRACE, False),
        (nn.Sequential(nn.Linear(2, 2, device="meta"), ReLU()), None, WORTH_A_TRACE, False),
    ],
)
def test_the_rule_looks_at_what_a_stack_is_made_of(model, regularizer, steps, expected):
    assert traceable(model, regularizer, steps=steps) is expected
