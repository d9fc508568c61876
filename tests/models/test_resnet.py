import pytest
import torch
from torch import nn
from torch.nn import functional as F

from clipbench.clips.relu import ReLU
from clipbench.models.resnet import BasicBlock, ResNet20


def build(**keys):
    supplied = {"in_channels": 3, "image_size": 32, "num_classes": 10}
    generator = torch.Generator().manual_seed(0)
    return ResNet20(make_clip=ReLU, generator=generator, **{**supplied, **keys})


def test_sites():
    names = [path for path, module in build().named_modules() if hasattr(module, "clip")]
    blocks = [f"layer{s}.{b}.conv{c}" for s in (1, 2, 3) for b in range(3) for c in (1, 2)]
    assert names == ["conv1", *blocks]


def test_has_the_published_number_of_parameters():
    # 0.27 M in the paper's table 6; counted exactly by hand: kernels, two numbers a norm channel
    # and the head, nothing in the shortcuts.
    kernels = 9 * (3 * 16 + 6 * 16 * 16 + 16 * 32 + 5 * 32 * 32 + 32 * 64 + 5 * 64 * 64)
    norms = 2 * (7 * 16 + 6 * 32 + 6 * 64)
    assert sum(p.numel() for p in build().parameters()) == kernels + norms + 650 == 269_722


@pytest.mark.parametrize(("width", "stride", "size"), [(4, 1, 8), (8, 2, 8), (8, 2, 7)])
def test_the_second_clip_sees_the_sum_with_a_parameter_free_shortcut(width, stride, size):
    block = BasicBlock(4, width, make_clip=ReLU, batch_norm=True, stride=stride)
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(3, 4, size, size)
    block.eval()
    inner = F.relu(block.conv1.norm(block.conv1.conv(x)))
    branch = block.conv2.norm(block.conv2.conv(inner))
    shortcut = torch.zeros_like(branch)
    shortcut[:, :4] = x[:, :, ::stride, ::stride]
    torch.testing.assert_close(block(x), F.relu(branch + shortcut))


def test_a_narrowing_stage_is_refused():
    with pytest.raises(ValueError, match=r"do not fall, got \[16, 32, 8\]"):
        build(widths=[16, 32, 8])
