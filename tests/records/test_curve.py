from hypothesis import given
from hypothesis import strategies as st

from clipbench.records.curve import one_curve

steps = st.lists(st.integers(0, 20))


@given(steps)
def test_steps_do_not_fall_and_the_last_entry_is_kept(written):
    kept = one_curve(written, step=int)
    assert kept == sorted(kept)
    assert kept[-1:] == written[-1:]


@given(steps)
def test_a_run_that_never_went_back_keeps_all(written):
    assert one_curve(sorted(written), step=int) == sorted(written)


@given(st.integers(0, 10), st.integers(0, 10))
def test_what_lay_beyond_the_checkpoint_is_dropped(checkpoint, more):
    first = [("a", step) for step in range(checkpoint + more + 1)]
    second = [("b", step) for step in range(checkpoint, checkpoint + 5)]
    kept = one_curve(first + second, step=lambda entry: entry[1])
    assert kept == [("a", step) for step in range(checkpoint + 1)] + second
