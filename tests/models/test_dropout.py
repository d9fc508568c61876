import math

import pytest
import torch
from torch import nn
from torch.func import functional_call, vmap

from clipbench.models.dropout import Dropout, dropout_keys, hash_of, set_dropout_keys

SHAPE = (100, 1000)


def mask_of(layer, shape=SHAPE):
    return layer(torch.ones(shape)) > 0


def keyed(p, key):
    layer = Dropout(p)
    set_dropout_keys(layer, key)
    return layer


def correlation(a, b):
    return torch.corrcoef(torch.stack([a.flatten(), b.flatten()]).double())[0, 1].item()


# Five standard deviations of the mean of n independent draws.
def margin(p, n):
    return 5 * math.sqrt(p * (1 - p) / n)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("key", [0, 1, 2**62])
class TestRate:
    def test_of_all_elements(self, p, key):
        dropped = ~mask_of(keyed(p, key))
        assert dropped.double().mean().item() == pytest.approx(p, abs=margin(p, dropped.numel()))

    def test_of_every_row_and_column(self, p, key):
        dropped = (~mask_of(keyed(p, key))).double()
        assert (dropped.mean(dim=0) - p).abs().max() < margin(p, SHAPE[0]) * 1.2
        assert (dropped.mean(dim=1) - p).abs().max() < margin(p, SHAPE[1]) * 1.2

    def test_what_stays_is_scaled_so_that_the_mean_stays(self, p, key):
        answer = keyed(p, key)(torch.ones(SHAPE))
        assert answer.unique().tolist() == pytest.approx([0, 1 / (1 - p)])


class TestIndependence:
    LIMIT = 5 / math.sqrt(math.prod(SHAPE))

    @pytest.mark.parametrize("other", [1, 2, 3, 2**31, 2**32, 2**33 + 1])
    def test_between_steps(self, other):
        assert abs(correlation(mask_of(keyed(0.5, 0)), mask_of(keyed(0.5, other)))) < self.LIMIT

    def test_between_sites(self):
        model = nn.Sequential(Dropout(0.5), Dropout(0.5), Dropout(0.5))
        set_dropout_keys(model, 7)
        a, b, c = (mask_of(layer) for layer in model)
        assert max(abs(correlation(*pair)) for pair in [(a, b), (b, c), (a, c)]) < self.LIMIT

    @pytest.mark.parametrize("shift", [1, 2, 16, 1000])
    def test_between_elements(self, shift):
        flat = mask_of(keyed(0.5, 3)).flatten()
        assert abs(correlation(flat[shift:], flat[:-shift])) < self.LIMIT

    def test_no_key_permutes_the_mask_of_another(self):
        # Keys that differ in the lowest bits only are the ones the loop would hand out raw.
        low, high = torch.tensor(5), torch.tensor(5 + (1 << 32))
        x = torch.empty(1 << 16)
        assert not torch.equal(hash_of(low, x).sort().values, hash_of(high, x).sort().values)

    def test_one_input_bit_flips_half_of_the_output_bits(self):
        x = torch.empty(1 << 12)
        hashes = hash_of(torch.tensor(12345), x)
        for bit in range(12):
            partner = torch.arange(1 << 12) ^ (1 << bit)
            changed = hashes ^ hashes[partner]
            flips = torch.stack([(changed >> k & 1).double().mean() for k in range(32)])
            assert (flips - 0.5).abs().max() < 0.06


class TestIdentity:
    def test_in_evaluation(self):
        x = torch.randn(5, 6)
        assert keyed(0.5, 1).eval()(x) is x

    def test_at_zero(self):
        x = torch.randn(5, 6)
        assert keyed(0.0, 1)(x) is x


def test_the_hash_is_the_one_written_in_plain_integers():
    def mix(h):
        h = ((h ^ (h >> 16)) * 0x21F0AAAD) % 2**32
        h = ((h ^ (h >> 15)) * 0x735A2D97) % 2**32
        return h ^ (h >> 15)

    key = 0x123456789ABCDEF0
    expected = [mix(mix(i ^ (key % 2**32)) ^ (key >> 32)) for i in range(1000)]
    assert hash_of(torch.tensor(key), torch.empty(10, 100)).flatten().tolist() == expected


def test_draws_from_no_generator():
    before = torch.get_rng_state()
    keyed(0.5, 1)(torch.ones(4, 4))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_keeps_shape_and_dtype_and_drops_the_same_elements(dtype):
    layer = keyed(0.5, 1).to(dtype)
    answer = layer(torch.ones(8, 3, 4, 4, dtype=dtype))
    assert answer.dtype == dtype
    assert torch.equal(answer > 0, mask_of(layer, (8, 3, 4, 4)))
    assert layer.key.dtype == torch.int64


def test_the_gradient_passes_where_the_value_does():
    x = torch.randn(4, 8, requires_grad=True)
    answer = keyed(0.25, 1)(x)
    answer.sum().backward()
    torch.testing.assert_close(x.grad, (answer / x).detach())


def test_the_key_is_no_part_of_the_state():
    assert keyed(0.5, 1).state_dict() == {}


def test_every_site_has_a_key_of_its_own_under_the_name_of_its_buffer():
    model = nn.ModuleDict({"a": nn.Sequential(Dropout(0.1)), "b": Dropout(0.2)})
    keys = dropout_keys(model, -3)
    assert list(keys) == ["a.0.key", "b.key"]
    assert len(set(keys.values())) == 2
    assert all(0 <= key < 2**63 for key in keys.values())
    set_dropout_keys(model, -3)
    assert {name: int(buffer) for name, buffer in model.named_buffers()} == keys


def test_vmap_over_stacked_keys_equals_a_loop():
    layer = Dropout(0.5)
    keys = torch.tensor([dropout_keys(layer, seed)[".key"] for seed in range(4)])
    x = torch.randn(4, 6, 5)
    stacked = vmap(lambda key, x: functional_call(layer, {"key": key}, (x,)))(keys, x)
    for key, row, answer in zip(keys, x, stacked, strict=True):
        assert torch.equal(answer, functional_call(layer, {"key": key}, (row,)))
    shared = vmap(lambda key, x: functional_call(layer, {"key": key}, (x,)), (0, None))(keys, x[0])
    assert not torch.equal(shared[0], shared[1])


@pytest.mark.parametrize("p", [-0.1, 1.0, math.nan])
def test_a_rate_out_of_range_is_refused(p):
    with pytest.raises(ValueError, match="Dropout needs 0 <= p < 1"):
        Dropout(p)
