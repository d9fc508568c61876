import torch
from hypothesis import given
from hypothesis import strategies as st

from clipbench.training.seeding import derive, generator

seeds = st.integers(min_value=0, max_value=2**62)


@given(seeds, st.sampled_from(["weights", "order"]), st.integers(0, 10_000))
def test_a_number_depends_on_its_arguments_alone(seed, purpose, index):
    first = derive(seed, purpose, index)
    torch.rand(3)
    assert derive(seed, purpose, index) == first
    assert 0 <= first < 2**63


def test_purposes_places_and_seeds_do_not_collide():
    drawn = {
        derive(seed, purpose, index)
        for seed in range(30)
        for purpose in ("weights", "order", "augment", "dropout")
        for index in range(30)
    }
    assert len(drawn) == 30 * 4 * 30


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    torch.randn(5, generator=generator(0, "weights"))
    assert torch.equal(torch.get_rng_state(), before)


def test_seed_zero_is_a_seed():
    draws = [torch.randn(4, generator=generator(seed, "weights")) for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
