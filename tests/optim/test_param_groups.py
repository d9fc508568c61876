from pathlib import Path

import pytest
import torch
from torch import nn

from clipbench.clips.base import Clip
from clipbench.clips.relu import ReLU
from clipbench.models.cnn import CNN
from clipbench.models.mlp import MLP
from clipbench.models.resnet import ResNet20
from clipbench.optim.param_groups import param_groups


class Plain(Clip):
    def __init__(self, *, num_features):
        super().__init__(num_features=num_features)
        # As many dimensions as a kernel: where a parameter sits decides, not its shape.
        self.upper = nn.Parameter(torch.ones(num_features, 1, 1))

    def forward(self, x):
        return torch.minimum(x, self.upper.view(-1, *[1] * (x.dim() - 2)).to(x.dtype))


class Decaying(Plain):
    threshold_decay = "weights"

    def __init__(self, *, num_features):
        super().__init__(num_features=num_features)
        self.inner = nn.Sequential(nn.BatchNorm1d(2))


def build(family, make_clip, **keys):
    return family(
        make_clip=make_clip,
        in_channels=1,
        image_size=8,
        num_classes=10,
        generator=torch.Generator().manual_seed(0),
        **keys,
    )


def kinds(groups):
    return [(group["role"], group["decay"]) for group in groups]


@pytest.mark.parametrize("family", [MLP, CNN, ResNet20])
@pytest.mark.parametrize("make_clip", [ReLU, Plain, Decaying])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_every_parameter_is_in_exactly_one_group(family, make_clip, batch_norm):
    model = build(family, make_clip, batch_norm=batch_norm)
    grouped = [id(p) for group in param_groups(model) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())


@pytest.mark.parametrize(
    ("make_clip", "thresholds"),
    [
        (ReLU, []),
        (Plain, [("thresholds", "none")]),
        (Decaying, [("thresholds", "weights")]),
    ],
)
def test_groups_without_parameters_are_left_out(make_clip, thresholds):
    groups = param_groups(build(CNN, make_clip))
    assert kinds(groups) == [("weights", "weights"), ("biases", "none"), *thresholds]


def test_kernels_and_matrices_decay_and_nothing_else_outside_the_clips():
    model = build(CNN, Plain)
    groups = {group["role"]: group["params"] for group in param_groups(model)}
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert {id(p) for p in groups["weights"]} == {id(layer.weight) for layer in layers}
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    others = [model.head.bias, *[p for norm in norms for p in norm.parameters()]]
    assert {id(p) for p in groups["biases"]} == {id(p) for p in others}


def test_everything_inside_a_clip_follows_its_class():
    clips = iter([Plain, Decaying, Plain])
    model = build(CNN, lambda num_features: next(clips)(num_features=num_features))
    groups = {(g["role"], g["decay"]): g["params"] for g in param_groups(model)}
    undecayed = [model.conv1.clip.upper, model.conv3.clip.upper]
    assert [id(p) for p in groups["thresholds", "none"]] == [id(p) for p in undecayed]
    decayed = list(model.conv2.clip.parameters())
    assert len(decayed) == 3
    assert [id(p) for p in groups["thresholds", "weights"]] == [id(p) for p in decayed]


def test_only_this_file_of_the_room_knows_clips():
    room = Path(__file__).parents[2] / "clipbench" / "optim"
    importers = [path.name for path in room.glob("*.py") if "clipbench.clips" in path.read_text()]
    assert importers == ["param_groups.py"]
