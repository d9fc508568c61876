import pytest
import torch

from clipbench.clips.relu import ReLU
from clipbench.models.dropout import Dropout, set_dropout_keys
from clipbench.models.mlp import MLP


def build(**keys):
    supplied = {"in_channels": 1, "image_size": 8, "num_classes": 10}
    generator = torch.Generator().manual_seed(0)
    return MLP(make_clip=ReLU, generator=generator, **{**supplied, **keys})


@pytest.mark.parametrize("widths", [[5], [5, 6], [7, 6, 5, 4, 3]])
def test_depth_is_the_number_of_widths(widths):
    model = build(widths=widths)
    names = [path for path, module in model.named_modules() if hasattr(module, "clip")]
    assert names == [f"fc{i}" for i in range(1, len(widths) + 1)]
    assert [getattr(model, name).linear.out_features for name in names] == widths


def test_agrees_with_the_layers_written_out():
    model = build(widths=[16, 12]).double()
    x = torch.randn(5, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y = x.reshape(5, 64)
    for unit in (model.fc1, model.fc2):
        y = (y @ unit.linear.weight.T + unit.linear.bias).clamp_min(0)
    torch.testing.assert_close(model(x), y @ model.head.weight.T + model.head.bias)


def test_without_dropout_there_is_no_layer_for_it():
    assert not any(isinstance(module, Dropout) for module in build().modules())


def test_dropout_follows_each_clip_and_changes_no_weight():
    plain, dropped = build(), build(dropout=0.5)
    assert plain.state_dict().keys() == dropped.state_dict().keys()
    for key, value in plain.state_dict().items():
        assert torch.equal(value, dropped.state_dict()[key])
    assert sum(isinstance(module, Dropout) for module in dropped.modules()) == 2


def test_dropout_depends_on_the_key_and_on_nothing_else():
    model = build(dropout=0.5)
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    set_dropout_keys(model, 1)
    first, again = model(x), model(x)
    set_dropout_keys(model, 2)
    assert torch.equal(first, again)
    assert not torch.equal(first, model(x))
    assert torch.equal(model.eval()(x), build()(x))
