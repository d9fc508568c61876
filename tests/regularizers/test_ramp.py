import pytest

from clipbench.regularizers.ramp import ramp

SHARES = [i / 100 for i in range(100)]


@pytest.mark.parametrize(("start", "full"), [(0.0, 0.0), (0.1, 0.6), (0.0, 1.0), (0.5, 1.0)])
def test_it_never_falls_and_stays_between_zero_and_one(start, full):
    curve = [ramp(share, start=start, full=full) for share in SHARES]
    assert curve == sorted(curve)
    assert 0 <= curve[0] <= curve[-1] <= 1
    assert all(value == 0 for share, value in zip(SHARES, curve, strict=True) if share < start)
    assert all(value == 1 for share, value in zip(SHARES, curve, strict=True) if share >= full)


def test_between_start_and_full_it_is_linear():
    for share in (0.2, 0.3, 0.45, 0.6):
        assert ramp(share, start=0.2, full=0.6) == pytest.approx((share - 0.2) / 0.4)


@pytest.mark.parametrize("full", [0.0, 0.3, 0.4])
def test_with_full_at_or_below_start_it_is_a_step_at_start(full):
    steps = [ramp(share, start=0.4, full=full) for share in (0.0, 0.3, 0.399, 0.4, 0.9)]
    assert steps == [0, 0, 0, 1, 1]


def test_by_default_it_is_whole_from_the_first_step_and_stays_so_beyond_the_last():
    assert ramp(0.0, start=0.0, full=0.0) == 1
    assert ramp(1.5, start=0.2, full=1.0) == 1
