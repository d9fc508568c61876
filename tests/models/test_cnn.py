import pytest
import torch
from torch.nn import functional as F

from clipbench.clips.relu import ReLU
from clipbench.models.cnn import CNN


def build(**keys):
    supplied = {"in_channels": 3, "image_size": 32, "num_classes": 10}
    generator = torch.Generator().manual_seed(0)
    return CNN(make_clip=ReLU, generator=generator, **{**supplied, **keys})


@pytest.mark.parametrize("widths", [[4], [4, 8], [4, 8, 16], [4, 8, 16, 32]])
def test_one_site_a_width(widths):
    model = build(widths=widths)
    names = [path for path, module in model.named_modules() if hasattr(module, "clip")]
    assert names == [f"conv{i}" for i in range(1, len(widths) + 1)]
    assert [getattr(model, name).conv.out_channels for name in names] == widths


@pytest.mark.parametrize(
    ("image_size", "pooled", "features"),
    [
        (1, [False, False, False, False], 4),
        (3, [True, False, False, False], 4),
        (8, [True, True, True, False], 4),
        (28, [True, True, True, True], 4),
        (32, [True, True, True, True], 16),
    ],
)
def test_pools_while_the_map_can_be_halved(image_size, pooled, features):
    model = build(widths=[4, 4, 4, 4], image_size=image_size)
    blocks = [model.conv1, model.conv2, model.conv3, model.conv4]
    assert [block.pool is not None for block in blocks] == pooled
    assert model.head.in_features == features
    assert model(torch.randn(2, 3, image_size, image_size)).shape == (2, 10)


@pytest.mark.parametrize("training", [True, False])
def test_agrees_with_the_blocks_written_out(training):
    model = build(widths=[4, 6]).double().train(training)
    x = torch.randn(5, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y = x
    for unit in (model.conv1, model.conv2):
        y = F.conv2d(y, unit.conv.weight, padding=1)
        if training:
            y = y - y.mean((0, 2, 3), keepdim=True)
            y = y / (y.square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()
        else:
            y = y / (1 + 1e-5) ** 0.5  # running statistics start at mean 0 and variance 1
        y = F.max_pool2d(y.clamp_min(0), 2)
    expected = y.flatten(1) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(x), expected)
