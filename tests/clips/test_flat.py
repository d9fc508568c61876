"""One row of numbers, whatever the layout."""

import pytest
import torch

from clipbench.clips.flat import flat

X = torch.arange(120.0).view(2, 3, 4, 5)
LAYOUTS = {
    "as indexed": X,
    "channels last": X.to(memory_format=torch.channels_last),
    "permuted": X.permute(3, 1, 0, 2),
    "with gaps": X[:, :, ::2],
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
    if name != "spread":  # it cannot be written
        other.copy_(-x)
        assert torch.equal(flat(x), -flat(other))


@pytest.mark.parametrize("name", ["as indexed", "channels last", "a row", "a number"])
def test_what_lies_side_by_side_is_not_copied(name):
    assert flat(LAYOUTS[name]).data_ptr() == LAYOUTS[name].data_ptr()
