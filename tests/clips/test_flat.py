"""One row of numbers, whatever the layout."""

import pytest
import torch

from clipbench.clips.flat import dot, flat

X = torch.arange(120.0).view(2, 3, 4, 5)
LAYOUTS = {
    "as indexed": X,
    "channels last": X.to(memory_format=torch.channels_last),
    "permuted": X.permute(3, 1, 0, 2),
    "with gaps": X[:, :, ::2],
    "channels last with gaps": X.to(memory_format=torch.channels_last)[..., ::2],
    "spread": X[:1].expand(4, 3, 4, 5),
    "a row": X.view(-1)[7:31],
    "a number": X[0, 0, 0, 3],
    "nothing": X[:0],
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_it_holds_each_element_once_and_pairs_those_of_tensors_alike(name):
    x = LAYOUTS[name]
    other = torch.empty_like(x)
    assert flat(x).shape == (x.numel(),)
    assert torch.equal(flat(x).sort().values, x.reshape(-1).sort().values)
    # One cannot be written; of the other an empty one like it lies otherwise, which is for `dot`.
    if name not in ("spread", "channels last with gaps"):
        other.copy_(-x)
        assert torch.equal(flat(x), -flat(other))


@pytest.mark.parametrize("name", ["as indexed", "channels last", "a row", "a number"])
def test_what_lies_side_by_side_is_not_copied(name):
    assert flat(LAYOUTS[name]).data_ptr() == LAYOUTS[name].data_ptr()


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_product_pairs_what_has_the_same_index(name):
    x = LAYOUTS[name]
    for other in (torch.empty_like(x), torch.empty(x.shape)):
        other.copy_(x + 1)
        assert dot(other, x).item() == pytest.approx(((x + 1) * x).sum().item(), rel=1e-6)
